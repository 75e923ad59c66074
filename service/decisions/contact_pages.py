"""Lists of contacts in pages: which is wanted, and the token of the next one."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

from evenhand.v1.assignment_service_pb2 import OpenFilter

from service.decisions.errors import InvalidError
from service.decisions.request_checks import check_ids, check_optional_ids, trim
from service.rules import Violations, is_blank, is_identifier
from service.store.values import WalkPlace

if TYPE_CHECKING:
    from evenhand.v1.assignment_service_pb2 import ListContactsRequest

_PAGE_SIZE: Final = 100
_LARGEST_PAGE: Final = 1000
_FILTERS: Final = {
    OpenFilter.OPEN_FILTER_UNSPECIFIED: None,
    OpenFilter.OPEN_FILTER_OPEN: True,
    OpenFilter.OPEN_FILTER_NOT_OPEN: False,
}
_CURSOR: Final = re.compile("[0-9]{0,20}")
_CURSORS: Final = 2**64


class ContactsWanted(NamedTuple):
    """Which contacts are wanted: see `service.store.port.ContactStore.page`."""

    owner_id: str
    is_open: bool | None
    most: int
    start: WalkPlace

    def token_of(self, workspace_id: str, following: WalkPlace | None) -> str:
        """Return the token of the page that starts there; empty: there is none."""
        if following is None:
            return ""
        digest = _digest(workspace_id, self.owner_id, self.is_open)
        return urlsafe_b64encode(json.dumps([digest, *following]).encode()).decode()


def contacts_wanted(request: ListContactsRequest) -> ContactsWanted:
    """Read which contacts are wanted.

    Raises:
        InvalidError: the request is wrong.
    """
    wrong = Violations()
    check_ids(wrong, workspace_id=request.workspace_id)
    if not is_blank(request.owner_id):  # which would else be all owners
        trim(request, "owner_id", optional=True)
    check_optional_ids(wrong, owner_id=request.owner_id)
    if not 0 <= request.page_size <= _LARGEST_PAGE:
        wrong.add("page_size", f"must be 0 to {_LARGEST_PAGE}, not {request.page_size}")
    if request.open not in _FILTERS:
        wrong.add("open", "must be one of " + ", ".join(OpenFilter.keys()))
    is_open = _FILTERS.get(request.open)
    start: WalkPlace | None = WalkPlace()
    if request.page_token:
        start = _start(request.page_token, _digest(request.workspace_id, request.owner_id, is_open))
    if start is None:
        must = "is none of a list of these contacts; give the next_page_token of the page before, and ask for the same"
        wrong.add("page_token", must)
    if wrong or start is None:
        raise InvalidError(wrong)
    return ContactsWanted(request.owner_id, is_open, request.page_size or _PAGE_SIZE, start)


def _digest(workspace_id: str, owner_id: str, is_open: bool | None) -> int:
    """Return what tells a list from others, so that no token is taken for one of another list."""
    return crc32(json.dumps([workspace_id, owner_id, is_open]).encode())


def _start(token: str, digest: int) -> WalkPlace | None:
    """Read a token; None: it is none of this list."""
    try:
        of, bucket, after, cursor, left = json.loads(urlsafe_b64decode(token))
    except (ValueError, TypeError):
        return None
    if of != digest or not isinstance(left, list) or not all(map(_is_id, left)):
        return None
    is_bucket = isinstance(bucket, int) and bucket >= 0
    is_cursor = isinstance(cursor, str) and _CURSOR.fullmatch(cursor) is not None and int(cursor or 0) < _CURSORS
    if not is_bucket or not is_cursor or not (after == "" or _is_id(after)) or not (cursor or left):
        return None
    return WalkPlace(bucket, after, cursor, tuple(left))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and is_identifier(value)
