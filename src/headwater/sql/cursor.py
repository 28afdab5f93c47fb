"""Walk over the tokens of one statement. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from headwater.names import name_parts, unquoted
from headwater.sql.tokens import Token, string_value, tokens_of

_OPENING = "([{"
_CLOSING = ")]}"


class SqlSyntaxError(Exception):
    """A statement that can't be read: what is wrong, and where in its text.

    Attributes:
        code: of the error that the user gets.
        hint: what the user can do.
        position: in the text of the statement.
    """

    def __init__(
        self, message: str, position: int, *, hint: str = "", code: str = "SQL_SYNTAX"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint
        self.code = code


class Cursor:
    """Reads a statement from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.at = 0

    @property
    def token(self) -> Token | None:
        """The next token, None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    @property
    def position(self) -> int:
        """Where the next token begins."""
        return self.token.start if self.token else len(self.text)

    def sees(self, words: str) -> bool:
        """Whether the next tokens are these words or symbols, such as `ON VIOLATION`."""
        wanted = words.split()
        found = self.tokens[self.at : self.at + len(wanted)]
        return [each.word or each.text for each in found] == wanted

    def take(self, words: str) -> bool:
        """Go past words, if they come next."""
        if not self.sees(words):
            return False
        self.at += len(words.split())
        return True

    def take_any(self, *choices: str) -> str:
        """Go past the first of several choices that comes next; return it, "" if none does."""
        return next((each for each in choices if self.take(each)), "")

    def expect(self, words: str) -> None:
        """Go past words.

        Raises:
            SqlSyntaxError: something else comes next.
        """
        if not self.take(words):
            raise self.wrong(f"{words} is expected")

    def name(self, what: str) -> str:
        """Read a dotted name, as written but without white space, or IDENTIFIER('name')."""
        if self.sees("IDENTIFIER ("):
            return self._identifier_clause(what)
        parts = [self._identifier(what)]
        while self.take("."):
            parts.append(self._identifier(what))
        return ".".join(parts)

    def column(self) -> str:
        """Read the name of a column, without its backticks."""
        return unquoted(self._identifier("a column name"))

    def parts(self, what: str, *, most: int) -> tuple[str, ...]:
        """Read the parts of a name, without their backticks."""
        position = self.position
        parts = tuple(part.text for part in name_parts(self.name(what)))
        if len(parts) > most:
            raise SqlSyntaxError(f"{what} has at most {most} parts here", position)
        return parts

    def name_list(self) -> tuple[str, ...]:
        """Read dotted names, with or without parentheses around them."""
        closed = self.take("(")
        found = [self.name("A column name")]
        while self.take(","):
            found.append(self.name("A column name"))
        if closed:
            self.expect(")")
        return tuple(each.replace("`", "") for each in found)

    def _identifier_clause(self, what: str) -> str:
        self.expect("IDENTIFIER (")
        text = self.string(what)
        while self.take("| |") or self.take("||"):
            text += self.string(what)
        self.expect(")")
        return text

    def column_list(self) -> tuple[str, ...]:
        """Read columns, with or without parentheses around them."""
        closed = self.take("(")
        found = [self.column()]
        while self.take(","):
            found.append(self.column())
        if closed:
            self.expect(")")
        return tuple(found)

    def string(self, what: str) -> str:
        """Read a string literal."""
        token = self.token
        if token is None or token.kind != "text":
            raise self.wrong(f"{what} is a string in quotes")
        self.at += 1
        return string_value(token.text)

    def parenthesized(self) -> str:
        """Read what is in parentheses, as written."""
        start = self.position + 1
        self.expect("(")
        self.at -= 1
        self.skip_group()
        return self.text[start : self.tokens[self.at - 1].start].strip()

    def skip_group(self) -> None:
        """Go past one token, or past a group in brackets."""
        depth, first = 0, self.position
        while self.token is not None:
            text = self.token.text
            depth += (text in _OPENING) - (text in _CLOSING)
            self.at += 1
            if depth <= 0:
                return
        if depth:
            raise SqlSyntaxError("This bracket is not closed", first, hint="Close it.")

    def until(self, stops: Iterable[str], *, required: str = "") -> str:
        """Read up to any of some words outside of brackets, or to the end; as written.

        Args:
            required: what is expected there, for the error when there is nothing.
        """
        stops = list(stops)
        start = self.position
        end = start
        while self.token is not None and not any(self.sees(each) for each in stops):
            self.skip_group()
            end = self.tokens[self.at - 1].end
        if required and end == start:
            raise self.wrong(f"{required} is expected")
        return self.text[start:end]

    def rest(self) -> tuple[str, int]:
        """Read the rest of the statement; returns it and where it begins."""
        start = self.position
        self.at = len(self.tokens)
        return self.text[start:], start

    def wrong(self, what: str, hint: str = "") -> SqlSyntaxError:
        """Make the error for what comes next."""
        found = f"not {self.token.text[:40]!r}" if self.token else "but the statement ends"
        return SqlSyntaxError(f"{what}, {found}", self.position, hint=hint)

    def end(self) -> None:
        """Check that nothing is left.

        Raises:
            SqlSyntaxError: something is.
        """
        if self.token is not None:
            raise self.wrong("The end of the statement is expected")

    def _identifier(self, what: str) -> str:
        token = self.token
        if token is None or token.kind not in ("word", "quoted", "number"):
            raise self.wrong(f"{what} is expected")
        self.at += 1
        joined, end = token.text, token.end
        while self._continues(end):  # 2024_events, my-schema: words that touch
            piece = self.tokens[self.at]
            joined, end = joined + piece.text, piece.end
            self.at += 1
        return joined

    def _continues(self, end: int) -> bool:
        token = self.token
        return token is not None and token.start == end and token.kind == "word"
