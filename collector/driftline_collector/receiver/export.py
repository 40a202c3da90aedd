"""OTLP's one call, Export: from the bytes of a request to the answer after its commit, over any transport."""

import asyncio

from google.protobuf.message import Message

from driftline_collector.errors import StoreError
from driftline_collector.receiver.answers import BadDataError, UnavailableError, response
from driftline_collector.receiver.intake import Intake, OverloadedError
from driftline_collector.receiver.parts import require_few_parts
from driftline_collector.receiver.ptars_adapter import UndecodableError
from driftline_collector.receiver.signals import Signal
from driftline_collector.store.queued import UnstorableError


async def export(intake: Intake, signal: Signal, body: bytes) -> Message:
    """Store a protobuf request. Raises RefusedError: UnavailableError for now, others for good."""
    require_few_parts(body)
    try:
        rejected = await asyncio.wrap_future(intake.submit(signal, body))
    except (UndecodableError, UnstorableError) as fault:
        raise BadDataError(str(fault)) from None
    except (OverloadedError, StoreError) as fault:
        raise UnavailableError(str(fault)) from None
    return response(signal, rejected)
