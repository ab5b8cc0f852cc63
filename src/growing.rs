//! A list that only grows: read without a lock while another thread appends to it.

use std::iter::successors;
use std::sync::OnceLock;

/// A value, and those that were appended later. A reader may keep a reference as long as the list:
/// nothing is ever moved or removed.
#[derive(Debug, Default)]
pub(crate) struct Growing<T> {
    value: T,
    next: OnceLock<Box<Growing<T>>>,
}

impl<T> Growing<T> {
    /// The list of that value alone.
    pub(crate) fn new(value: T) -> Self {
        Self {
            value,
            next: OnceLock::new(),
        }
    }

    /// The values, in the order in which they were appended: one atomic load for each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.links().map(|link| &link.value)
    }

    /// The value that was appended last.
    pub(crate) fn last(&self) -> &T {
        &self.links().last().unwrap_or(self).value
    }

    /// Appends a value. Of two threads that append at the same time, each appends its own.
    pub(crate) fn push(&self, value: T) {
        let mut link = Box::new(Self::new(value));
        let mut end = self;
        while let Err(refused) = end.next.set(link) {
            link = refused;
            let Some(next) = end.next.get() else {
                return; // it was set just now
            };
            end = next;
        }
    }

    fn links(&self) -> impl Iterator<Item = &Self> {
        successors(Some(self), |link| link.next.get().map(AsRef::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_appended_by_several_threads_is_all_there_and_in_each_ones_order() {
        let list = Growing::new((0, 0));
        thread::scope(|scope| {
            for writer in 1..=4 {
                let list = &list;
                scope.spawn(move || {
                    for number in 0..100 {
                        list.push((writer, number));
                    }
                });
            }
        });
        assert_eq!(list.iter().count(), 401);
        assert_eq!(list.iter().next(), Some(&(0, 0)));
        for writer in 1..=4 {
            let of_it = list.iter().filter(|(by, _)| *by == writer);
            let numbers: Vec<_> = of_it.map(|(_, number)| *number).collect();
            assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        }
        assert_eq!(list.iter().last(), Some(list.last()));
    }
}
