//! Values under keys that are never used twice.

/// Key: generation in the upper half, place in the lower. Looking up is one array access.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// `make` gets the key that the value will have.
    pub(super) fn insert_with(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[place as usize];
        slot.generation = slot.generation.wrapping_add(1);
        let key = u64::from(slot.generation) << 32 | u64::from(place);
        slot.value = Some(make(key));
        key
    }

    fn slot(&self, key: u64) -> Option<&Slot<T>> {
        self.slots.get((key & 0xffff_ffff) as usize).filter(|slot| u64::from(slot.generation) == key >> 32)
    }

    pub(super) fn get(&self, key: u64) -> Option<&T> {
        self.slot(key)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let slot = self.slots.get_mut((key & 0xffff_ffff) as usize)?;
        if u64::from(slot.generation) == key >> 32 { slot.value.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<T> {
        let slot = self.slots.get_mut((key & 0xffff_ffff) as usize)?;
        if u64::from(slot.generation) != key >> 32 {
            return None;
        }
        let value = slot.value.take()?;
        self.free.push((key & 0xffff_ffff) as u32);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Keys in order of place.
    pub(super) fn keys(&self) -> Vec<u64> {
        let of = |(place, slot): (usize, &Slot<T>)| {
            slot.value.as_ref().map(|_| u64::from(slot.generation) << 32 | place as u64)
        };
        self.slots.iter().enumerate().filter_map(of).collect()
    }
}
