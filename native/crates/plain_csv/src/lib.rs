//! CSV without quotes: lines of fields with commas between them, cut into columns of texts.
//!
//! Only text of which every reader of RFC 4180 says the same is read: no quotes, no blank lines, as many fields in each line, all
//! lines ended alike, UTF-8. Of anything else nothing is said but that it is other text, and whoever asked has a whole reader for it.
//!
//! Nothing here is secret or comes from a peer; it is the owner's own data, in clear. All work is bounded by the input's length.
#![forbid(unsafe_code)]

use memchr::{memchr, memchr_iter, memchr2_iter};

/// A longer line is left to the other reader, which has bounds of its own.
const LONGEST_LINE: usize = 1 << 20;

/// How every line ends, but the last of a file, which may end with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// A line feed.
    Lf,
    /// A carriage return, then a line feed.
    CrLf,
}

/// The texts of one column, in one piece.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// One after the other.
    pub joined: Vec<u8>,
    /// Where each ends.
    pub ends: Vec<u32>,
    /// The places of those that are empty.
    pub empty: Vec<u32>,
}

impl Texts {
    fn add(&mut self, text: &[u8]) {
        if text.is_empty() {
            self.empty.push(self.ends.len() as u32);
        }
        self.joined.extend_from_slice(text);
        // No longer than the lines, whose length is a 32-bit number.
        self.ends.push(self.joined.len() as u32);
    }
}

/// The columns `wanted`, counted from 0 and each once, of whole lines of so many fields; None if the lines are not plain.
#[must_use]
pub fn columns(lines: &[u8], fields: usize, wanted: &[usize], end: LineEnd) -> Option<Vec<Texts>> {
    if !is_plain(lines, end) {
        return None;
    }
    let mut columns: Vec<Texts> = wanted.iter().map(|_| Texts::default()).collect();
    let mut column_of = vec![None; fields];
    for (column, &field) in wanted.iter().enumerate() {
        if column_of.get_mut(field)?.replace(column).is_some() {
            return None;
        }
    }
    let unended = (!lines.is_empty() && !lines.ends_with(b"\n")).then_some(lines.len());
    let (mut line, mut start, mut field) = (0, 0, 0);
    for at in memchr2_iter(b',', b'\n', lines).chain(unended) {
        let text = match (lines.get(at), end) {
            (Some(b'\n'), LineEnd::CrLf) => lines[start..at].strip_suffix(b"\r")?,
            _ => &lines[start..at],
        };
        if let Some(column) = *column_of.get(field)? {
            columns[column].add(text);
        }
        field += 1;
        start = at + 1;
        if lines.get(at) != Some(&b',') {
            let blank = fields == 1 && text.is_empty();
            if field != fields || blank || at - line > LONGEST_LINE {
                return None;
            }
            (line, field) = (start, 0);
        }
    }
    Some(columns)
}

fn is_plain(lines: &[u8], end: LineEnd) -> bool {
    let returns = memchr_iter(b'\r', lines).count();
    let ended = match end {
        LineEnd::Lf => 0,
        LineEnd::CrLf => memchr_iter(b'\n', lines).count(),
    };
    returns == ended
        && u32::try_from(lines.len()).is_ok()
        && memchr(b'"', lines).is_none()
        && memchr(0, lines).is_none()
        && str::from_utf8(lines).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listed(column: &Texts) -> Vec<&[u8]> {
        let starts = [0].into_iter().chain(column.ends.iter().copied());
        starts
            .zip(&column.ends)
            .map(|(start, &end)| &column.joined[start as usize..end as usize])
            .collect()
    }

    #[test]
    fn wanted_columns_are_cut_out_whatever_ends_the_lines() {
        for (lines, end) in [
            ("a,b,\n,dé, e\n", LineEnd::Lf),
            ("a,b,\r\n,dé, e\r\n", LineEnd::CrLf),
            ("a,b,\n,dé, e", LineEnd::Lf),
            ("a,b,\r\n,dé, e", LineEnd::CrLf),
        ] {
            let found = columns(lines.as_bytes(), 3, &[2, 0], end).unwrap();
            assert_eq!(listed(&found[0]), [b"".as_slice(), b" e"]);
            assert_eq!(listed(&found[1]), [b"a".as_slice(), b""]);
            assert_eq!((&found[0].empty, &found[1].empty), (&vec![0], &vec![1]));
        }
    }

    #[test]
    fn no_lines_have_no_texts() {
        assert_eq!(
            columns(b"", 2, &[1], LineEnd::Lf).unwrap(),
            [Texts::default()]
        );
    }

    #[test]
    fn what_another_reader_might_read_otherwise_is_not_read() {
        for lines in [
            b"a,\"b\"\n".as_slice(),
            b"a,b\n\nc,d\n",
            b"a,b\n\n",
            b"a\n",
            b"a,b,c\n",
            b"a,b\nc\n",
            b"a,b\r\n",
            b"a,b\rc,d\n",
            b"a,\0\n",
            b"a,\xff\n",
            b"a,b\nc",
        ] {
            assert_eq!(columns(lines, 2, &[0], LineEnd::Lf), None, "{lines:?}");
        }
        for lines in [b"a,b\n".as_slice(), b"a,b\r\nc,d\n", b"a\r,b\n", b"a,b\r"] {
            assert_eq!(columns(lines, 2, &[0], LineEnd::CrLf), None, "{lines:?}");
        }
        assert_eq!(columns(b"a\n\nb\n", 1, &[0], LineEnd::Lf), None);
        let long = vec![b'a'; LONGEST_LINE + 1];
        assert_eq!(columns(&long, 1, &[0], LineEnd::Lf), None);
    }

    #[test]
    fn a_column_that_no_line_has_is_not_read() {
        assert_eq!(columns(b"a,b\n", 2, &[2], LineEnd::Lf), None);
    }
}
