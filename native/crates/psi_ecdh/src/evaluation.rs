//! Second stage of a sender that learns, too: its tags are out, what matched is awaited.

use core::fmt;
use core::marker::PhantomData;

use mihe_group::list::Encoded;

use crate::error::Fault;
use crate::matched;
use crate::places::Places;
use crate::setup::{Mode, Setup};
use crate::suite::Suite;

/// Holds the order in which the sender's items went out, and the elements that its tags are of.
pub struct Evaluation<S: Suite> {
    pub(crate) suite: PhantomData<S>,
    pub(crate) setup: Setup,
    pub(crate) places: Places,
    /// In the order of the tags.
    pub(crate) products: Vec<Encoded>,
}

impl<S: Suite> Evaluation<S> {
    /// Indices, ascending, of this party's items that the receiver has too, by the receiver's message.
    pub fn positions(self, message: &[u8]) -> Result<Vec<u32>, Fault> {
        if self.setup.mode != Mode::Intersection {
            return Err(Fault::Caller("shuffled tags have no positions"));
        }
        let numbers = matched::hear::<S::Hash>(&self.setup, message, &self.products)?;
        let places = (0..).zip(numbers);
        Ok(self
            .places
            .items(places.filter_map(|(place, number)| (number != 0).then_some(place))))
    }

    /// How many of this party's items the receiver has too, by the receiver's message.
    pub fn count(self, message: &[u8]) -> Result<usize, Fault> {
        if self.setup.mode != Mode::Cardinality {
            return Err(Fault::Caller("tags in order have positions"));
        }
        let numbers = matched::hear::<S::Hash>(&self.setup, message, &self.products)?;
        Ok(numbers.into_iter().filter(|&number| number != 0).count())
    }
}

impl<S: Suite> fmt::Debug for Evaluation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evaluation(…)")
    }
}
