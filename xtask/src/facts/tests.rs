//! What was saved is what the table asks for.

use super::*;

#[test]
fn options_are_kept_set_or_not() {
    let config = "# Linux/x86 6.1 Kernel Configuration\nCONFIG_BPF=y\nCONFIG_EXT4_FS=m\n\
        # CONFIG_FPROBE is not set\n\
        # CONFIG_EXT2_FS is not set\nCONFIG_LSM=\"landlock,bpf\"\n";
    assert_eq!(
        config_lines(config),
        "CONFIG_BPF=y\n# CONFIG_FPROBE is not set\nCONFIG_LSM=\"landlock,bpf\"\n"
    );
}

/// Whoever takes something out of the table must save the facts again, and nobody edits them by hand.
#[test]
fn nothing_is_saved_that_the_table_does_not_ask_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracer/tests/kernels");
    for kernel in &KERNELS {
        let file = folder.join(kernel.name).join("sys/kernel/btf/vmlinux");
        let bytes = fs::read(&file).unwrap();
        let types = btf::read(&bytes).unwrap();
        assert_eq!(btf::write(&btf::cut(&types, &WANTED)), bytes, "{}", file.display());
        assert!(bytes.len() < 150 << 10, "{}", file.display());
    }
    let saved = fs::read_dir(&folder).unwrap().map(|file| file.unwrap());
    let saved = saved.filter(|file| file.path().is_dir());
    assert!(
        saved.map(|file| file.file_name()).all(|name| KERNELS.iter().any(|kernel| *kernel.name == *name))
    );
}
