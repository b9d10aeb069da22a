//! The largest set of an order in which no two are ordered (Dilworth, by Kőnig's matching).

/// Whether each of `count` elements is in a largest set without a pair of `pairs` (smaller, greater), which must be all pairs of a transitive order. Where there are
/// several such sets, the one of the smallest elements.
pub(super) fn largest(count: usize, pairs: &[(usize, usize)]) -> Vec<bool> {
    let mut greater: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut smaller: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (low, high) in pairs {
        if let (Some(up), Some(down)) = (greater.get_mut(*low), smaller.get_mut(*high)) {
            up.push(*high);
            down.push(*low);
        }
    }
    let mut matching = Matching { of_low: vec![None; count], of_high: vec![None; count] };
    for low in 0..count {
        let mut seen = vec![false; count];
        matching.augment(low, &greater, &mut seen);
    }
    // From the unmatched greater copies, along any pair down and along matched pairs up: what is reached on the side of the greater and not on that of the smaller.
    let mut high_reached = vec![false; count];
    let mut low_reached = vec![false; count];
    let mut open: Vec<usize> = (0..count).filter(|at| matching.of_high.get(*at) == Some(&None)).collect();
    for at in &open {
        mark(&mut high_reached, *at);
    }
    while let Some(high) = open.pop() {
        for low in smaller.get(high).into_iter().flatten() {
            if mark(&mut low_reached, *low)
                && let Some(next) = matching.of_low.get(*low).copied().flatten()
                && mark(&mut high_reached, next)
            {
                open.push(next);
            }
        }
    }
    high_reached.iter().zip(&low_reached).map(|(high, low)| *high && !*low).collect()
}

/// Marks; says whether that is new.
fn mark(reached: &mut [bool], at: usize) -> bool {
    reached.get_mut(at).is_some_and(|reached| !std::mem::replace(reached, true))
}

struct Matching {
    of_low: Vec<Option<usize>>,
    of_high: Vec<Option<usize>>,
}

impl Matching {
    /// Looks for an augmenting path from a smaller element, without recursion: paths are as long as there are elements.
    fn augment(&mut self, low: usize, greater: &[Vec<usize>], seen: &mut [bool]) {
        let mut path: Vec<(usize, usize)> = vec![(low, 0)];
        while let Some((at, tried)) = path.pop() {
            let Some(high) = greater.get(at).and_then(|list| list.get(tried)).copied() else { continue };
            path.push((at, tried + 1));
            if !mark(seen, high) {
                continue;
            }
            match self.of_high.get(high).copied().flatten() {
                Some(other) => path.push((other, 0)),
                None => {
                    // Each step of the path takes the partner that it tried last.
                    for (low, tried) in path {
                        let partner = greater.get(low).and_then(|list| list.get(tried.checked_sub(1)?)).copied();
                        if let Some(partner) = partner
                            && let (Some(own), Some(its)) = (self.of_low.get_mut(low), self.of_high.get_mut(partner))
                        {
                            *own = Some(partner);
                            *its = Some(low);
                        }
                    }
                    return;
                }
            }
        }
    }
}
