//! A column in one piece: the texts one after the other, and where each ends.

/// Texts in one piece, of which every place is known to lie inside.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    joined: &'a [u8],
    ends: &'a [[u8; END]],
}

/// The ends don't divide what they are said to divide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit;

const END: usize = size_of::<u32>();

impl<'a> Column<'a> {
    /// The column of texts that `ends`, little-endian 32-bit numbers, cut `joined` into.
    ///
    /// # Errors
    /// Misfit unless they ascend, the last is the length of `joined`, and a 32-bit number counts them.
    pub fn new(joined: &'a [u8], ends: &'a [u8]) -> Result<Self, Misfit> {
        let (ends, rest) = ends.as_chunks::<END>();
        let mut last = 0;
        for end in ends {
            let end = u32::from_le_bytes(*end);
            if end < last {
                return Err(Misfit);
            }
            last = end;
        }
        let fits =
            rest.is_empty() && last as usize == joined.len() && u32::try_from(ends.len()).is_ok();
        fits.then_some(Self { joined, ends }).ok_or(Misfit)
    }

    /// How many texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes all texts have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.joined.len()
    }

    /// The text at a place below `len`.
    #[must_use]
    pub fn text(&self, place: usize) -> &'a [u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.end(before));
        &self.joined[start..self.end(place)]
    }

    /// Every text, in order.
    pub fn texts(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).map(|place| self.text(place))
    }

    fn end(&self, place: usize) -> usize {
        u32::from_le_bytes(self.ends[place]) as usize
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// Texts in one piece, and their ends.
    pub(crate) fn packed(texts: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let ends = texts.iter().scan(0, |end, text| {
            *end += text.len() as u32;
            Some(*end)
        });
        (texts.concat(), bytes(ends))
    }

    fn bytes(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
        numbers.into_iter().flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn texts_are_those_between_the_ends() {
        let texts = [b"a".as_slice(), b"", b"bc"];
        let (joined, ends) = packed(&texts);
        let column = Column::new(&joined, &ends).unwrap();
        assert_eq!(column.texts().collect::<Vec<_>>(), texts);
        assert!(Column::new(b"", b"").unwrap().is_empty());
    }

    #[test]
    fn ends_that_do_not_divide_are_refused() {
        for ends in [
            bytes([1]),
            bytes([3, 1, 3]),
            bytes([4]),
            vec![],
            vec![3, 0, 0],
        ] {
            assert_eq!(Column::new(b"abc", &ends).err(), Some(Misfit));
        }
    }
}
