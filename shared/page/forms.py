"""What a page's form sends."""

from dataclasses import dataclass
from urllib.parse import parse_qs

from shared.errors import RequestError

FORM_FIELD = "form_token"
"""The field that only a page of ours can fill in."""


@dataclass(frozen=True)
class Form:
    """The fields of a form that was sent."""

    fields: dict[str, list[str]]

    @classmethod
    def read(cls, body: bytes, most: int) -> "Form":
        """A form in a request's body.

        Args:
            body: as it was sent.
            most: fields of it.

        Raises:
            RequestError: it is none, or has more fields.
        """
        try:
            return cls(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=most))
        except ValueError:
            raise RequestError("what was sent is no form.", where="form", remedy="Open the page anew.") from None

    def one(self, name: str) -> str:
        """What a field holds, without blanks around it; empty without one."""
        return self.fields.get(name, [""])[0].strip()

    def all(self, name: str) -> tuple[str, ...]:
        """What all fields of that name hold."""
        return tuple(self.fields.get(name, ()))
