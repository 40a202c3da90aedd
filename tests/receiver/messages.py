"""Any OTLP request there can be: a hypothesis strategy made from the descriptors."""

from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_KIND = FieldDescriptor
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    _KIND.TYPE_DOUBLE: st.floats(),
    _KIND.TYPE_BOOL: st.booleans(),
    _KIND.TYPE_STRING: st.text(max_size=8),
    _KIND.TYPE_BYTES: st.binary(max_size=16),
    _KIND.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    _KIND.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    _KIND.TYPE_UINT32: st.integers(0, 2**32 - 1),
    _KIND.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    _KIND.TYPE_ENUM: st.integers(-(2**31), 2**31 - 1),
    _KIND.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    _KIND.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    _KIND.TYPE_UINT64: st.integers(0, 2**64 - 1),
    _KIND.TYPE_FIXED64: st.integers(0, 2**64 - 1),
}


def requests(kind: type[Message], depth: int = 9) -> st.SearchStrategy[Message]:
    """Valid messages, with each field absent or of any value, `depth` messages deep."""
    return _messages(cast("Descriptor", kind.DESCRIPTOR), depth)


@st.composite
def _messages(draw: st.DrawFn, descriptor: Descriptor, depth: int) -> Message:
    message = GetMessageClass(descriptor)()
    # The way down to the records first: chosen by chance, hardly any would be reached.
    for field in descriptor.fields:
        likely = field.type == _KIND.TYPE_MESSAGE and field.is_repeated
        if (depth or field.type != _KIND.TYPE_MESSAGE) and draw(st.integers(0, 9)) < (9 if likely else 4):
            _set(draw, message, field, depth - 1)
    return message


def _set(draw: st.DrawFn, message: Message, field: FieldDescriptor, depth: int) -> None:
    if field.type != _KIND.TYPE_MESSAGE:
        value = _SCALARS[field.type]
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(value, max_size=3)))
        else:
            setattr(message, field.name, draw(value))
        return
    assert field.message_type is not None
    part = _messages(field.message_type, depth)
    if field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(part, max_size=2)))
    else:
        getattr(message, field.name).CopyFrom(draw(part))
