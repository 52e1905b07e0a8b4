//! From any bytes to an alteration of one of a run's messages.

/// Which message is altered, and how. The first byte chooses the message. If the second one is odd, the others stand instead of
/// the message; else they are read four by four as edits of it.
pub(crate) struct Altering<'a> {
    choice: usize,
    whole: bool,
    rest: &'a [u8],
}

impl<'a> Altering<'a> {
    /// One of `messages` is altered.
    pub(crate) fn one_of(messages: usize, data: &'a [u8]) -> Self {
        let (head, rest) = data.split_at(data.len().min(2));
        let byte = |at: usize| usize::from(head.get(at).copied().unwrap_or(0));
        Self {
            choice: byte(0) % messages,
            whole: byte(1) % 2 == 1,
            rest,
        }
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, number: usize) -> bool {
        self.choice == number
    }

    /// What arrives of message `number`.
    pub(crate) fn of(&self, number: usize, message: &[u8]) -> Vec<u8> {
        if !self.is(number) {
            return message.to_vec();
        }
        if self.whole {
            return self.rest.to_vec();
        }
        let mut altered = message.to_vec();
        for edit in self.rest.as_chunks().0 {
            apply(edit, &mut altered);
        }
        altered
    }
}

/// Place (of 16 bits), value, and what is done: most edits keep the length, because another one is refused at once.
fn apply(&[low, high, value, what]: &[u8; 4], message: &mut Vec<u8>) {
    if message.is_empty() {
        message.push(value);
        return;
    }
    let place = usize::from(u16::from_le_bytes([low, high])) % message.len();
    match what {
        0..=119 => message[place] ^= value,
        120..=159 => message[place] = value,
        // The points of a list, or the blocks of a message, change places; or one stands twice.
        160..=239 => {
            let size = if what < 200 { 32 } else { 16 };
            let other = usize::from(value) * size;
            let place = place - place % size;
            if place.max(other) + size <= message.len() && place != other {
                if what % 2 == 0 {
                    (0..size).for_each(|byte| message.swap(place + byte, other + byte));
                } else {
                    message.copy_within(place..place + size, other);
                }
            }
        }
        240..=246 => message.truncate(place),
        247..=252 => message.push(value),
        _ => message.fill(value),
    }
}
