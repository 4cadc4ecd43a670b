//! What is made once of something that is shared, and kept as long as that is in use.

use std::{collections::BTreeMap, sync::Arc};

/// By the address of the shared value, which each entry keeps alive.
#[derive(Debug)]
pub(crate) struct Ready<T: ?Sized, M>(BTreeMap<usize, (Arc<T>, Arc<M>)>);

/// More in use at once is a large installation: all are then made anew.
const MOST: usize = 4_096;

impl<T: ?Sized, M> Ready<T, M> {
    pub(crate) fn made_of(&mut self, shared: &Arc<T>, make: impl FnOnce(&T) -> M) -> Arc<M> {
        let address = Arc::as_ptr(shared).cast::<()>() as usize;
        if let Some((_, made)) = self.0.get(&address) {
            return Arc::clone(made);
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let made = Arc::new(make(shared));
        self.0.insert(address, (Arc::clone(shared), Arc::clone(&made)));
        made
    }
}

impl<T: ?Sized, M> Default for Ready<T, M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_made_once_and_another_of_the_same_words_by_itself() {
        let (first, second): (Arc<str>, Arc<str>) = ("menu".into(), "menu".into());
        let mut ready = Ready::default();
        let mut made = 0;
        for text in [&first, &first, &second, &first] {
            ready.made_of(text, |_| made += 1);
        }
        assert_eq!(made, 2);
    }
}
