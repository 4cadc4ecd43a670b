//! Something asked for, and how to wait for more than one.

use std::{
    cell::RefCell,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use super::{Asked, Happening, Message, Refused, talk::Talk};

/// Something asked for and not yet answered; await it, or a reference to it.
///
/// It was asked when it was made, not when first awaited. Dropping it takes it back.
#[must_use = "dropped at once, it is taken back at once: await it"]
pub struct Ask<T> {
    talk: Rc<RefCell<Talk>>,
    token: u32,
    read: fn(Happening) -> Option<T>,
}

impl<T> Ask<T> {
    pub(crate) fn new(talk: Rc<RefCell<Talk>>, token: u32, read: fn(Happening) -> Option<T>) -> Self {
        Self { talk, token, read }
    }

    fn look(&self) -> Poll<Asked<T>> {
        match self.talk.borrow_mut().answer(self.token) {
            None => Poll::Pending,
            Some(Happening::Refused(refusal)) => {
                let super::Refusal { code, message, retryable } = refusal;
                Poll::Ready(Err(Refused { code, message, retryable }))
            }
            Some(what) => Poll::Ready(Ok((self.read)(what).expect("only answers of the effect's kind are taken"))),
        }
    }
}

impl<T> Future for Ask<T> {
    type Output = Asked<T>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Asked<T>> {
        self.look()
    }
}

impl<T> Future for &Ask<T> {
    type Output = Asked<T>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Asked<T>> {
        self.look()
    }
}

impl<T> Drop for Ask<T> {
    fn drop(&mut self) {
        self.talk.borrow_mut().let_go(self.token);
    }
}

impl<T> fmt::Debug for Ask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ask").field(&self.token).finish()
    }
}

/// The next message of the other side.
pub(crate) async fn message(talk: &RefCell<Talk>) -> Message {
    poll_fn(|_| talk.borrow_mut().take_message().map_or(Poll::Pending, Poll::Ready)).await
}

/// Both, side by side.
pub async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    poll_fn(move |context| {
        if of_a.is_none()
            && let Poll::Ready(out) = a.as_mut().poll(context)
        {
            of_a = Some(out);
        }
        if of_b.is_none()
            && let Poll::Ready(out) = b.as_mut().poll(context)
        {
            of_b = Some(out);
        }
        match (of_a.take(), of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (of_a, of_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// Which of two came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    Left(A),
    Right(B),
}

/// Whichever comes first, the left one if both are there; the other is dropped, and so taken back. Give `&ask` to keep it.
pub async fn select<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> Either<A, B> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(move |context| {
        if let Poll::Ready(out) = a.as_mut().poll(context) {
            return Poll::Ready(Either::Left(out));
        }
        b.as_mut().poll(context).map(Either::Right)
    })
    .await
}
