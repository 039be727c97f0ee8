//! Recordings as differences from one another: JSON over JSON, for people to read.
//!
//! A difference is a scalar, which takes the place of what is there; `{"=": …}`, the same for anything; or an object:
//! - over an object `KEY` is a difference inside, `+KEY` is new, and `-KEY` is gone;
//! - over an array `@3` is a difference of the fourth item, and `~` lists what is replaced: `drop` items `at` a place, in the
//!   numbers of what is there, by those in `put`.

use serde_json::{Map, Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// What makes `new` of `base`; `None`: they are equal.
pub fn difference(base: &Value, new: &Value) -> Option<Value> {
    if base == new {
        return None;
    }
    Some(match (base, new) {
        (Value::Object(base), Value::Object(new)) => Value::Object(of_objects(base, new)),
        (Value::Array(base), Value::Array(new)) => of_arrays(base, new),
        (_, Value::Object(_) | Value::Array(_)) => json!({"=": new}),
        (_, scalar) => scalar.clone(),
    })
}

fn of_objects(base: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let gone = base.keys().filter(|key| !new.contains_key(*key));
    let gone = gone.map(|key| (format!("-{key}"), Value::Null));
    let others = new.iter().filter_map(|(key, new)| match base.get(key) {
        Some(base) => Some((key.clone(), difference(base, new)?)),
        None => Some((format!("+{key}"), new.clone())),
    });
    gone.chain(others).collect()
}

fn of_arrays(base: &[Value], new: &[Value]) -> Value {
    if base.len() == new.len() {
        let items = base.iter().zip(new).enumerate();
        let items = items
            .filter_map(|(index, (base, new))| Some((format!("@{index}"), difference(base, new)?)));
        return Value::Object(items.collect());
    }
    if base.is_empty() || new.is_empty() {
        return json!({"=": new});
    }
    let text = |items: &[Value]| items.iter().map(Value::to_string).collect::<Vec<_>>();
    let ops = capture_diff_slices(Algorithm::Myers, &text(base), &text(new));
    let hunks = ops.iter().filter_map(|op| match op {
        DiffOp::Equal { .. } => None,
        op => {
            let (old, put) = (op.old_range(), &new[op.new_range()]);
            Some(json!({"at": old.start, "drop": old.len(), "put": put}))
        }
    });
    json!({"~": hunks.collect::<Vec<_>>()})
}

/// `base` with a difference applied.
///
/// # Panics
/// The difference is not one from `base`.
pub fn apply(base: &Value, difference: &Value) -> Value {
    let mut new = base.clone();
    lay(&mut new, difference);
    new
}

fn lay(value: &mut Value, difference: &Value) {
    let Value::Object(parts) = difference else {
        *value = difference.clone();
        return;
    };
    if let Some(whole) = parts.get("=") {
        *value = whole.clone();
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, part) in parts {
                if let Some(gone) = key.strip_prefix('-') {
                    map.remove(gone).expect("it was there");
                } else if let Some(key) = key.strip_prefix('+') {
                    map.insert(key.to_owned(), part.clone());
                } else {
                    lay(map.get_mut(key).expect("it was there"), part);
                }
            }
        }
        Value::Array(items) => {
            for (key, part) in parts {
                match key.strip_prefix('@') {
                    Some(index) => {
                        let index: usize = index.parse().expect("it is a number");
                        lay(&mut items[index], part);
                    }
                    None => replace(items, part.as_array().expect("hunks")),
                }
            }
        }
        _ => panic!("{difference} is no difference from a scalar"),
    }
}

/// The last hunk first, so that the numbers stay those of what was there.
fn replace(items: &mut Vec<Value>, hunks: &[Value]) {
    for hunk in hunks.iter().rev() {
        let number = |key: &str| hunk[key].as_u64().expect("a number") as usize;
        let range = number("at")..number("at") + number("drop");
        let put = hunk["put"].as_array().expect("items").iter().cloned();
        items.splice(range, put);
    }
}
