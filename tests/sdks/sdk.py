"""What is known of an SDK: a row of table_*.py."""

import dataclasses
import fnmatch
import typing

from standin import OneOrStream, Stream

BEARER = {"header authorization": "Bearer {api_key}"}


@dataclasses.dataclass
class Sdk:
    name: str
    provider: str
    script: str
    hosts: list
    # The variables in which the SDK, or whoever uses it, looks for the credential. The child has a placeholder there.
    variables: list
    # The fields of the credential; "api_key" alone where it has only one.
    key: dict
    # By "METHOD path", "*" for anything: JSON, or what standin.py has beside it. The first that fits.
    answers: dict
    # What the script prints, which it has from the answers.
    says: str
    # Where the credential belongs: places as Request.places() names them, with the whole value ("path": a part of it),
    # or a function that makes it of the request and the key.
    credential: dict = dataclasses.field(default_factory=lambda: BEARER)
    params: dict = dataclasses.field(default_factory=dict)
    _: dataclasses.KW_ONLY
    # The address of a service that has none of its own.
    base_url: str = ""
    # The fields that are no secret.
    public: tuple = ()
    # The paths that everybody may read, so that the client sends no credential there.
    open_paths: tuple = ()
    # Which request has the placeholder as text, and where in its JSON.
    text: typing.Optional[tuple] = None
    # Another way to log in than with a key.
    login: typing.Optional[typing.Callable] = None

    def expected(self, request):
        if any(fnmatch.fnmatchcase(request.path, path) for path in self.open_paths):
            return {}
        return {
            place: value(request, self.key) if callable(value) else value.format(**self.key)
            for place, value in self.credential.items()
        }

    def secrets(self):
        return [value for name, value in self.key.items() if name not in self.public]

    @property
    def streams(self):
        return any(isinstance(answer, (OneOrStream, Stream)) for answer in self.answers.values())


def key(api_key):
    return {"api_key": api_key}
