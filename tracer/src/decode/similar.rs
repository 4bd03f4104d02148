//! What somebody may have meant who wrote a name that there is not.

/// How alike two names have to be, from 0 to 1.
const ALIKE: f64 = 0.8;

/// The name that is most like `text`, if any is.
pub(super) fn similar<T: AsRef<str>>(text: &str, names: impl Iterator<Item = T>) -> Option<T> {
    let likeness = names.map(|name| (strsim::jaro(text, name.as_ref()), name));
    let (_, name) = likeness.filter(|(alike, _)| *alike >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let names = ["route", "netfilter", "nflog", "rdma"];
        let similar = |text| similar(text, names.into_iter());
        assert_eq!(
            ["rout", "routes", "netfitler", "rmda"].map(similar),
            [Some("route"), Some("route"), Some("netfilter"), Some("rdma")]
        );
        assert_eq!(["nosuch", "", "x"].map(similar), [None; 3]);
    }
}
