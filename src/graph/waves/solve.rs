//! Differences between waves to waves, with as few changes to those that are given as can be.

use super::antichain;

/// Objects by number; their order has no circle.
#[derive(Clone, Debug, Default)]
pub(super) struct Problem {
    /// The wave of each, 0 where none is given.
    pub wave: Vec<i64>,
    /// Whether manifests carry it.
    pub given: Vec<bool>,
    /// The highest wave that each may have.
    pub most: Vec<Option<i64>>,
    /// For each those that come later, and how much at least.
    pub next: Vec<Vec<(usize, i64)>>,
}

/// Objects whose given waves contradict each other, of one connected part, at most; of more only those that come too early are raised.
const CONTRADICTING_MAX: usize = 1_500;

impl Problem {
    /// A wave for each.
    pub fn solve(&self) -> Vec<i64> {
        let order = self.order();
        let most = self.highest(&order, &vec![false; self.wave.len()]);
        // What a block does not allow cannot stay.
        let mut stays: Vec<bool> = (0..self.wave.len())
            .map(|at| self.is_given(at) && most.get(at).copied().flatten().is_none_or(|most| self.wave_of(at) <= most))
            .collect();
        for part in self.parts() {
            let staying: Vec<usize> = part.iter().copied().filter(|at| stays.get(*at) == Some(&true)).collect();
            for gone in self.contradicting(&order, &part, &staying) {
                if let Some(stays) = stays.get_mut(gone) {
                    *stays = false;
                }
            }
        }
        self.place(&order, &stays)
    }

    fn wave_of(&self, at: usize) -> i64 {
        self.wave.get(at).copied().unwrap_or_default()
    }

    fn is_given(&self, at: usize) -> bool {
        self.given.get(at) == Some(&true)
    }

    fn next_of(&self, at: usize) -> &[(usize, i64)] {
        self.next.get(at).map_or(&[], Vec::as_slice)
    }

    /// Everything after what it comes after; by number where that leaves a choice.
    fn order(&self) -> Vec<usize> {
        let mut missing = vec![0usize; self.wave.len()];
        for (later, _) in self.next.iter().flatten() {
            if let Some(n) = missing.get_mut(*later) {
                *n += 1;
            }
        }
        let mut ready: std::collections::BTreeSet<usize> =
            missing.iter().enumerate().filter(|(_, n)| **n == 0).map(|(at, _)| at).collect();
        let mut order = Vec::with_capacity(self.wave.len());
        while let Some(at) = ready.pop_first() {
            order.push(at);
            for (later, _) in self.next_of(at) {
                if let Some(n) = missing.get_mut(*later) {
                    *n = n.saturating_sub(1);
                    if *n == 0 {
                        ready.insert(*later);
                    }
                }
            }
        }
        order
    }

    /// The highest wave of each that leaves room for blocks, and for later ones that stay.
    fn highest(&self, order: &[usize], stays: &[bool]) -> Vec<Option<i64>> {
        let mut most = self.most.clone();
        for at in order.iter().rev() {
            let room = self.next_of(*at).iter().filter_map(|(later, apart)| {
                let highest = if stays.get(*later) == Some(&true) {
                    Some(self.wave_of(*later))
                } else {
                    most.get(*later).copied().flatten()
                };
                highest.map(|wave| wave.saturating_sub(*apart))
            });
            let room = room.min();
            if let Some(own) = most.get_mut(*at) {
                *own = [*own, room].into_iter().flatten().min();
            }
        }
        most
    }

    /// Connected parts, each sorted.
    fn parts(&self) -> Vec<Vec<usize>> {
        let mut part: Vec<usize> = (0..self.wave.len()).collect();
        fn root(part: &[usize], mut at: usize) -> usize {
            while let Some(up) = part.get(at).copied().filter(|up| *up != at) {
                at = up;
            }
            at
        }
        for (at, next) in self.next.iter().enumerate() {
            for (later, _) in next {
                let (a, b) = (root(&part, at), root(&part, *later));
                if let Some(place) = part.get_mut(a.max(b)) {
                    *place = a.min(b);
                }
            }
        }
        let mut parts: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
        for at in 0..self.wave.len() {
            parts.entry(root(&part, at)).or_default().push(at);
        }
        parts.into_values().filter(|members| members.len() > 1).collect()
    }

    /// Of the objects of one part whose waves are given, the fewest that must leave theirs so that the others can stay.
    ///
    /// Two cannot both stay when the longest way from one to the other asks for more waves than lie between them. With differences alone, any set in which no two contradict
    /// each other can stay; and contradicting is transitive. So the largest set that can stay is the largest antichain of an order, which matching finds.
    fn contradicting(&self, order: &[usize], part: &[usize], staying: &[usize]) -> Vec<usize> {
        let order: Vec<usize> = order.iter().copied().filter(|at| part.binary_search(at).is_ok()).collect();
        let mut involved = vec![false; staying.len()];
        let mut pairs = Vec::new();
        if self.raised(&order, staying).is_empty() {
            return Vec::new();
        }
        if staying.len() > CONTRADICTING_MAX {
            return self.raised(&order, staying);
        }
        for (number, from) in staying.iter().enumerate() {
            let away = self.away(&order, *from);
            for (other, to) in staying.iter().enumerate() {
                let asked = away.get(*to).copied().flatten().filter(|_| other != number);
                if asked.is_some_and(|asked| asked > self.wave_of(*to).saturating_sub(self.wave_of(*from))) {
                    pairs.push((number, other));
                    if let Some(involved) = involved.get_mut(number) {
                        *involved = true;
                    }
                    if let Some(involved) = involved.get_mut(other) {
                        *involved = true;
                    }
                }
            }
        }
        let kept = antichain::largest(staying.len(), &pairs);
        let gone = |(number, at): (usize, &usize)| {
            (involved.get(number) == Some(&true) && kept.get(number) != Some(&true)).then_some(*at)
        };
        staying.iter().enumerate().filter_map(gone).collect()
    }

    /// Those that come too early when nothing is lowered.
    fn raised(&self, order: &[usize], staying: &[usize]) -> Vec<usize> {
        let mut least: Vec<Option<i64>> = vec![None; self.wave.len()];
        let mut raised = Vec::new();
        for at in order {
            let mut own = least.get(*at).copied().flatten();
            if staying.binary_search(at).is_ok() {
                if own.is_some_and(|least| self.wave_of(*at) < least) {
                    raised.push(*at);
                }
                own = Some(own.unwrap_or(i64::MIN).max(self.wave_of(*at)));
            }
            let Some(own) = own else { continue };
            for (later, apart) in self.next_of(*at) {
                if let Some(least) = least.get_mut(*later) {
                    *least = Some(least.unwrap_or(i64::MIN).max(own.saturating_add(*apart)));
                }
            }
        }
        raised.sort_unstable();
        raised
    }

    /// The waves that the longest way from an object to each other one asks for.
    fn away(&self, order: &[usize], from: usize) -> Vec<Option<i64>> {
        let mut away: Vec<Option<i64>> = vec![None; self.wave.len()];
        if let Some(own) = away.get_mut(from) {
            *own = Some(0);
        }
        for at in order {
            let Some(own) = away.get(*at).copied().flatten() else { continue };
            for (later, apart) in self.next_of(*at) {
                if let Some(away) = away.get_mut(*later) {
                    *away = Some(away.unwrap_or(i64::MIN).max(own.saturating_add(*apart)));
                }
            }
        }
        away
    }

    /// A wave for each: those that stay keep theirs, every other one is as near to its own as the order allows.
    fn place(&self, order: &[usize], stays: &[bool]) -> Vec<i64> {
        let highest = self.highest(order, stays);
        let mut least: Vec<Option<i64>> = vec![None; self.wave.len()];
        let mut placed = self.wave.clone();
        for at in order {
            let mut wave = self.wave_of(*at);
            if stays.get(*at) != Some(&true) {
                wave = highest.get(*at).copied().flatten().map_or(wave, |most| wave.min(most));
                wave = least.get(*at).copied().flatten().map_or(wave, |least| wave.max(least));
            }
            if let Some(place) = placed.get_mut(*at) {
                *place = wave;
            }
            for (later, apart) in self.next_of(*at) {
                if let Some(least) = least.get_mut(*later) {
                    *least = Some(least.unwrap_or(i64::MIN).max(wave.saturating_add(*apart)));
                }
            }
        }
        placed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::Problem;

    /// SplitMix64.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z ^ (z >> 31)) % n.max(1)
        }
    }

    fn problem(dice: &mut Dice) -> Problem {
        let count = 2 + dice.below(6) as usize;
        let mut problem = Problem { next: vec![Vec::new(); count], ..Problem::default() };
        for at in 0..count {
            let given = dice.below(4) > 0;
            problem.wave.push(if given { dice.below(7) as i64 - 2 } else { 0 });
            problem.given.push(given);
            problem.most.push((dice.below(6) == 0).then(|| dice.below(4) as i64 - 1));
            for later in at + 1..count {
                if dice.below(5) < 2 {
                    problem.next[at].push((later, dice.below(3) as i64));
                }
            }
        }
        problem
    }

    /// Every set of waves that holds.
    fn holds(problem: &Problem, waves: &[i64]) -> bool {
        let fits = |at: usize| problem.most[at].is_none_or(|most| waves[at] <= most);
        let apart = |at: usize| problem.next[at].iter().all(|(later, apart)| waves[*later] >= waves[at] + apart);
        (0..waves.len()).all(|at| fits(at) && apart(at))
    }

    /// The most given waves that can stay: every subset is tried, and Bellman-Ford says whether the rest finds a place.
    fn most_kept(problem: &Problem) -> usize {
        let count = problem.wave.len();
        let given: Vec<usize> = (0..count).filter(|at| problem.given[*at]).collect();
        let mut best = 0;
        for set in 0..1usize << given.len() {
            let fixed: Vec<usize> =
                given.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0).map(|(_, at)| *at).collect();
            let mut most: Vec<i64> = problem.most.iter().map(|most| most.unwrap_or(1_000)).collect();
            let mut possible = true;
            for at in &fixed {
                possible &= problem.wave[*at] <= most[*at];
                most[*at] = most[*at].min(problem.wave[*at]);
            }
            for _ in 0..=count {
                for at in 0..count {
                    for (later, apart) in &problem.next[at] {
                        most[at] = most[at].min(most[*later] - apart);
                    }
                }
            }
            possible &= fixed.iter().all(|at| most[*at] == problem.wave[*at]);
            if possible {
                best = best.max(fixed.len());
            }
        }
        best
    }

    #[test]
    fn the_fewest_given_waves_change() {
        let mut changed = 0;
        for seed in 0..4_000 {
            let problem = problem(&mut Dice(seed));
            let solved = problem.solve();
            assert!(holds(&problem, &solved), "seed {seed}: {problem:?} {solved:?}");
            let kept = (0..solved.len()).filter(|at| problem.given[*at] && solved[*at] == problem.wave[*at]).count();
            assert_eq!(kept, most_kept(&problem), "seed {seed}: {problem:?} {solved:?}");
            let again = Problem { wave: solved.clone(), given: vec![true; solved.len()], ..problem.clone() };
            assert_eq!(again.solve(), solved, "seed {seed}: twice");
            changed += usize::from(solved != problem.wave);
        }
        assert!(changed > 2_000, "{changed}");
    }

    #[test]
    fn one_that_is_in_the_way_moves_rather_than_many() {
        // a (5) before b (1), c (2), d (3): a goes, three stay.
        let problem = Problem {
            wave: vec![5, 1, 2, 3],
            given: vec![true; 4],
            most: vec![None; 4],
            next: vec![vec![(1, 1)], vec![(2, 1)], vec![(3, 1)], vec![]],
        };
        assert_eq!(problem.solve(), [0, 1, 2, 3]);
        // Of two the later one goes.
        let two =
            Problem { wave: vec![5, 1], given: vec![true; 2], most: vec![None; 2], next: vec![vec![(1, 1)], vec![]] };
        assert_eq!(two.solve(), [5, 6]);
    }

    #[test]
    fn without_waves_the_layers() {
        let chain = Problem {
            wave: vec![0; 6],
            given: vec![false; 6],
            most: vec![None; 6],
            next: vec![vec![(1, 1)], vec![(2, 1)], vec![(3, 1), (5, 1)], vec![(4, 1)], vec![(5, 1)], vec![]],
        };
        assert_eq!(chain.solve(), [0, 1, 2, 3, 4, 5]);
    }
}
