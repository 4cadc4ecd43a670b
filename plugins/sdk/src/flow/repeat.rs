//! Loops whose rounds are forgotten as they end.

use std::{future::poll_fn, ops::ControlFlow, pin::pin};

use super::{
    Asked, Call,
    bytes::{Reader, Writer},
};

impl Call {
    /// A loop that may go round for long: only `S` lives on from round to round, so neither the state nor a step grows with it.
    ///
    /// `body` says `Continue` with the value of the next round, or `Break` with the loop's end. It may use what was asked before the loop; it can
    /// smuggle nothing else from round to round. A round is kept if somebody beside the loop ([`super::join`]) asked or heard something in it.
    ///
    /// ```
    /// # use plugboard_sdk::flow::*;
    /// # use std::{ops::ControlFlow, time::Duration};
    /// # async fn example(call: Call) -> Asked<QueueEnd> {
    /// let place = call.queue("sales");
    /// call.repeat(1, async |round: u32| {
    ///     let treat = async {
    ///         call.timer(Duration::from_secs(30)).await?;
    ///         call.play(Prompt::default().number(round)).await
    ///     };
    ///     Ok(match select(&place, treat).await {
    ///         Either::Left(end) => ControlFlow::Break(end?),
    ///         Either::Right(heard) => heard.map(|_| ControlFlow::Continue(round + 1))?,
    ///     })
    /// })
    /// .await
    /// # }
    /// ```
    pub async fn repeat<S: Keep, T>(&self, first: S, body: impl AsyncFn(S) -> Asked<ControlFlow<T, S>>) -> Asked<T> {
        let (number, kept, before) = self.talk().enter_loop(|| kept(&first));
        let mut value = kept.and_then(|kept| S::read(&mut Kept(Reader(&kept)))).unwrap_or(first);
        let mut before = Some(before);
        loop {
            let mut round = pin!(body(value));
            let said = poll_fn(|context| {
                let outer = self.talk().enter_scope(number);
                let polled = round.as_mut().poll(context);
                // Who waits beside a loop that was entered again lives in the time before it; who comes after it, in its own.
                self.talk().leave_scope(outer, before.take().filter(|_| polled.is_pending()));
                polled
            });
            match said.await? {
                ControlFlow::Break(end) => return Ok(end),
                ControlFlow::Continue(next) => {
                    self.talk().end_round(number, self::kept(&next));
                    value = next;
                }
            }
        }
    }
}

fn kept(value: &impl Keep) -> Vec<u8> {
    let mut bytes = Keeping(Writer::default());
    value.write(&mut bytes);
    bytes.0.0
}

/// Where a [`Keep`] writes itself.
#[derive(Debug)]
pub struct Keeping(Writer);

/// Where a [`Keep`] reads itself.
#[derive(Debug)]
pub struct Kept<'a>(Reader<'a>);

/// What a loop may carry from round to round: numbers, texts, and options, lists and pairs of them.
pub trait Keep: Sized {
    fn write(&self, to: &mut Keeping);

    /// `None` for what was not written by [`Keep::write`].
    fn read(from: &mut Kept<'_>) -> Option<Self>;
}

macro_rules! keep_numbers {
    ($($number:ty),*) => {$(
        impl Keep for $number {
            fn write(&self, to: &mut Keeping) {
                to.0.number(u64::from(*self));
            }

            fn read(from: &mut Kept<'_>) -> Option<Self> {
                from.0.small()
            }
        }
    )*};
}

keep_numbers!(u8, u16, u32, u64);

impl Keep for i32 {
    fn write(&self, to: &mut Keeping) {
        to.0.signed((*self).into());
    }

    fn read(from: &mut Kept<'_>) -> Option<Self> {
        from.0.signed()?.try_into().ok()
    }
}

impl Keep for bool {
    fn write(&self, to: &mut Keeping) {
        to.0.byte((*self).into());
    }

    fn read(from: &mut Kept<'_>) -> Option<Self> {
        from.0.flag()
    }
}

impl Keep for () {
    fn write(&self, _: &mut Keeping) {}

    fn read(_: &mut Kept<'_>) -> Option<Self> {
        Some(())
    }
}

impl Keep for String {
    fn write(&self, to: &mut Keeping) {
        to.0.text(self);
    }

    fn read(from: &mut Kept<'_>) -> Option<Self> {
        from.0.text()
    }
}

impl<T: Keep> Keep for Option<T> {
    fn write(&self, to: &mut Keeping) {
        self.is_some().write(to);
        self.iter().for_each(|value| value.write(to));
    }

    fn read(from: &mut Kept<'_>) -> Option<Self> {
        Some(if bool::read(from)? { Some(T::read(from)?) } else { None })
    }
}

impl<T: Keep> Keep for Vec<T> {
    fn write(&self, to: &mut Keeping) {
        (self.len() as u64).write(to);
        self.iter().for_each(|value| value.write(to));
    }

    fn read(from: &mut Kept<'_>) -> Option<Self> {
        let count = u64::read(from)?;
        (0..count).map(|_| T::read(from)).collect()
    }
}

impl<A: Keep, B: Keep> Keep for (A, B) {
    fn write(&self, to: &mut Keeping) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut Kept<'_>) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loop_carries_comes_back() {
        type Carried = (Vec<(String, i32)>, (Option<bool>, (u64, ())));
        let carried: Carried = (vec![("售后".into(), -7), (String::new(), i32::MIN)], (Some(true), (u64::MAX, ())));
        assert_eq!(Carried::read(&mut Kept(Reader(&kept(&carried)))), Some(carried));
    }
}
