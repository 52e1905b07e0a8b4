"""What test_install.py follows a document with finds what is wrong in one."""

import pytest

from tests.deploy.terminal import at_terminal
from tests.deploy.transcript import agrees, commands, plain

DOCUMENT = """\
Text with `mihe` in it.

```console here
# echo one \\
    two
one two
# cat <<'END'
$1 is no command
END
$1 is no command
$ printf 'sure? [y/N]: '; read -r letter; test "$letter" = y
sure? [y/N]: y
# true
```

```toml
# no = "console"
```
"""


def follow(document: str) -> None:
    for command in commands(document):
        code, output = at_terminal(["bash", "-c", command.typed], command.replies)
        command.require(code, plain(output))


def test_a_document_that_is_right_is_followed_to_its_end() -> None:
    assert [one.line for one in commands(DOCUMENT)] == [4, 7, 11, 13]
    follow(DOCUMENT)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("# echo one", "# echo ones"),
        ("one two\n", "one twos\n"),
        ("one two\n", "one two\nthree\n"),
        ("one two\n", ""),
        ("# true", "# false"),
        ("# true", "# missing-command"),
        ("[y/N]: y", "[y/N]: n"),
        ("END\n$1 is no command\n", "END\n"),
    ],
)
def test_a_document_that_is_wrong_is_found_out(right: str, wrong: str) -> None:
    assert right in DOCUMENT
    with pytest.raises(AssertionError):
        follow(DOCUMENT.replace(right, wrong, 1))


def test_a_console_says_on_which_machine_it_is() -> None:
    with pytest.raises(AssertionError, match="which machine"):
        list(commands("```console\n# true\n```\n"))


def test_a_console_ends() -> None:
    with pytest.raises(AssertionError, match="without an end"):
        list(commands("```console here\n# true\n"))


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("a  b", "a b\n\n", True),
        ("a … d", "a b c d", True),
        ("a … d", "a b c", False),
        ("…\nlast", "first\nsecond\nlast", True),
        ("…\nlast", "last", True),
        ("…\nlast", "first\nlast\nmore", False),
        ("first\n…", "first", True),
        ("a.c", "abc", False),
        ("", "", True),
        ("", "unasked", False),
    ],
)
def test_what_is_shown_is_compared_whole(shown: str, output: str, *, same: bool) -> None:
    assert agrees(shown, output) is same


def test_a_terminal_is_one() -> None:
    code, output = at_terminal(["bash", "-c", "test -t 0 && test -t 1 && stty size"])
    assert (code, plain(output)) == (0, "24 80\n")
