//! Cuts steps that fail down to fewer that still do: halves first, the later one before the other, then single pairs and verbs, then waits. Steps are text:
//! `+FAULT HOST` and the `-FAULT HOST` that ends it, `wait MILLISECONDS`, and what else is done.

/// The shortest that was found to fail. `fails` gives nothing once it is asked no more.
pub fn shortest(
    mut steps: Vec<String>,
    mut fails: impl FnMut(&[String]) -> Option<bool>,
) -> Vec<String> {
    'again: loop {
        for fewer in fewer(&steps) {
            match fails(&fewer) {
                Some(true) => {
                    steps = fewer;
                    continue 'again;
                }
                Some(false) => {}
                None => return steps,
            }
        }
        return steps;
    }
}

/// Every way to take something away, the most first.
fn fewer(steps: &[String]) -> Vec<Vec<String>> {
    let parts = parts(steps);
    let (later, earlier) = parts.split_at(parts.len() / 2);
    let mut all: Vec<Vec<String>> = [later, earlier]
        .into_iter()
        .filter(|half| half.len() > 1)
        .chain(parts.chunks(1))
        .filter(|gone| !gone.is_empty() && gone.len() < parts.len())
        .map(|gone| without(steps, &gone.concat()))
        .collect();
    for (at, step) in steps.iter().enumerate() {
        if let Some(time) = time(step) {
            all.push(without(steps, &[at]));
            if time > 500 {
                let mut shorter = steps.to_vec();
                shorter[at] = format!("wait {}", time / 2);
                all.push(shorter);
            }
        }
    }
    all
}

fn without(steps: &[String], gone: &[usize]) -> Vec<String> {
    let steps = steps.iter().enumerate();
    let left = steps.filter(|(at, _)| !gone.contains(at));
    left.map(|(_, step)| step.clone()).collect()
}

fn time(step: &str) -> Option<u64> {
    step.strip_prefix("wait ")?.parse().ok()
}

/// What belongs together, by its places, the last first: a fault's beginning and end, or a verb.
fn parts(steps: &[String]) -> Vec<Vec<usize>> {
    let begins = |at: &usize| !steps[*at].starts_with('-') && time(&steps[*at]).is_none();
    let part = |at: usize| {
        let fault = steps[at].strip_prefix('+');
        let is_end = |step: &String| step.strip_prefix('-') == fault && fault.is_some();
        let end = steps[at..].iter().position(is_end).map(|end| at + end);
        [at].into_iter().chain(end).collect()
    };
    (0..steps.len()).rev().filter(begins).map(part).collect()
}
