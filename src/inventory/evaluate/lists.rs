//! Ansible's filters for lists and maps.

use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

pub fn install(environment: &mut Environment<'static>) {
    environment.add_filter("combine", combine);
    environment.add_filter("dict2items", dict2items);
    environment.add_filter("items2dict", items2dict);
    environment.add_filter("flatten", |list: Value, options: Kwargs| {
        let levels = options
            .get::<Option<usize>>("levels")?
            .unwrap_or(usize::MAX);
        flatten(&list, levels)
    });
    environment.add_filter("union", |first: Value, second: Value| {
        Ok::<_, Error>(unique(items(&first)?.into_iter().chain(items(&second)?)))
    });
    environment.add_filter("intersect", |first: Value, second: Value| {
        let second = items(&second)?;
        Ok::<_, Error>(unique(
            items(&first)?
                .into_iter()
                .filter(|item| second.contains(item)),
        ))
    });
    environment.add_filter("difference", |first: Value, second: Value| {
        let second = items(&second)?;
        Ok::<_, Error>(unique(
            items(&first)?
                .into_iter()
                .filter(|item| !second.contains(item)),
        ))
    });
    environment.add_filter("symmetric_difference", |first: Value, second: Value| {
        let (first, second) = (items(&first)?, items(&second)?);
        let left = first.iter().filter(|item| !second.contains(item));
        let right = second.iter().filter(|item| !first.contains(item));
        Ok::<_, Error>(unique(left.chain(right).cloned()))
    });
    environment.add_filter("extract", extract);
    environment.add_test("contains", |list: Value, item: Value| {
        Ok::<_, Error>(match (list.as_str(), item.as_str()) {
            (Some(text), Some(part)) => text.contains(part),
            _ => items(&list)?.contains(&item),
        })
    });
}

fn items(list: &Value) -> Result<Vec<Value>, Error> {
    if list.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    Ok(list.try_iter()?.collect())
}

fn unique(items: impl Iterator<Item = Value>) -> Value {
    let mut found: Vec<Value> = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    Value::from(found)
}

/// Maps over each other, the later one wins; `recursive=true` goes into maps, `list_merge` says what becomes of lists.
fn combine(first: Value, others: Rest<Value>, options: Kwargs) -> Result<Value, Error> {
    let is_recursive = options.get::<Option<bool>>("recursive")?.unwrap_or(false);
    let lists = options.get::<Option<String>>("list_merge")?;
    options.assert_all_used()?;
    let lists = lists.as_deref().unwrap_or("replace");
    let mut whole = first;
    for other in &others.0 {
        let maps: Vec<Value> = match other.kind() {
            ValueKind::Map => vec![other.clone()],
            _ => items(other)?,
        };
        for map in maps {
            whole = over(&whole, &map, is_recursive, lists)?;
        }
    }
    Ok(whole)
}

fn over(below: &Value, above: &Value, is_recursive: bool, lists: &str) -> Result<Value, Error> {
    if [below, above]
        .iter()
        .any(|value| value.kind() != ValueKind::Map)
    {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "`combine` takes maps",
        ));
    }
    let mut entries: Vec<(Value, Value)> = Vec::new();
    for key in items(below)? {
        let value = below.get_item(&key)?;
        entries.push((key, value));
    }
    for key in items(above)? {
        let value = above.get_item(&key)?;
        let Some((_, old)) = entries.iter_mut().find(|(old, _)| *old == key) else {
            entries.push((key, value));
            continue;
        };
        let kinds = (old.kind(), value.kind());
        *old = match kinds {
            (ValueKind::Map, ValueKind::Map) if is_recursive => over(old, &value, true, lists)?,
            (ValueKind::Seq | ValueKind::Iterable, ValueKind::Seq | ValueKind::Iterable) => {
                merged(old, value, lists)?
            }
            _ => value,
        };
    }
    Ok(Value::from_pairs(entries))
}

fn merged(old: &Value, new: Value, how: &str) -> Result<Value, Error> {
    let (below, above) = (items(old)?, items(&new)?);
    let rest = |of: &[Value], without: &[Value]| -> Vec<Value> {
        of.iter()
            .filter(|item| !without.contains(item))
            .cloned()
            .collect()
    };
    Ok(Value::from(match how {
        "replace" => return Ok(new),
        "keep" => return Ok(old.clone()),
        "append" => [below, above].concat(),
        "prepend" => [above, below].concat(),
        "append_rp" => [rest(&below, &above), above].concat(),
        "prepend_rp" => [above.clone(), rest(&below, &above)].concat(),
        other => {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!(
                    "`list_merge` is replace, keep, append, prepend, append_rp or prepend_rp, and not {other}"
                ),
            ));
        }
    }))
}

fn dict2items(map: Value, options: Kwargs) -> Result<Value, Error> {
    let key_name = options.get::<Option<String>>("key_name")?;
    let value_name = options.get::<Option<String>>("value_name")?;
    let names = (
        key_name.as_deref().unwrap_or("key"),
        value_name.as_deref().unwrap_or("value"),
    );
    let entries = items(&map)?.into_iter().map(|key| {
        let value = map.get_item(&key)?;
        Ok(Value::from_pairs([(names.0, key), (names.1, value)]))
    });
    Ok(Value::from(entries.collect::<Result<Vec<_>, Error>>()?))
}

fn items2dict(list: Value, options: Kwargs) -> Result<Value, Error> {
    let key_name = options.get::<Option<String>>("key_name")?;
    let value_name = options.get::<Option<String>>("value_name")?;
    let names = (
        key_name.as_deref().unwrap_or("key"),
        value_name.as_deref().unwrap_or("value"),
    );
    let entries = items(&list)?
        .into_iter()
        .map(|item| Ok((item.get_attr(names.0)?, item.get_attr(names.1)?)));
    Ok(Value::from_pairs(
        entries.collect::<Result<Vec<_>, Error>>()?,
    ))
}

fn flatten(list: &Value, levels: usize) -> Result<Value, Error> {
    let mut flat = Vec::new();
    for item in items(list)? {
        match item.kind() {
            ValueKind::Seq | ValueKind::Iterable if levels > 0 => {
                flat.extend(items(&flatten(&item, levels - 1)?)?)
            }
            ValueKind::None => {}
            _ => flat.push(item),
        }
    }
    Ok(Value::from(flat))
}

/// `NAME | extract(CONTAINER, KEY)`: what the container has at the name, and in that at the keys.
fn extract(
    _state: &State<'_, '_>,
    key: Value,
    container: Value,
    inner: Option<Value>,
) -> Result<Value, Error> {
    let mut found = container.get_item(&key)?;
    let path = match inner {
        None => Vec::new(),
        Some(keys) if keys.kind() == ValueKind::Seq => items(&keys)?,
        Some(key) => vec![key],
    };
    for key in path {
        found = found.get_item(&key)?;
    }
    Ok(found)
}
