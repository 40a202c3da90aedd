"""The webhook receiver takes what is signed with its secret, once, and refuses the rest."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from examples.digits_fleet.receiver import Delivery, Receiver, describe

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYq="
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDC2FVsBQIhrs="
PAYLOAD = {
    "type": "alert.firing",
    "data": {"segment": "model=digits,version=*,device_type=camera-b,region=*", "summary": "sharpness fell"},
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver(SECRET)
    yield receiver
    receiver.close()


def post(
    receiver: Receiver, secret: str, *, message: str = "msg_1", body: str | None = None, age: int = 0
) -> int:
    sent_at = datetime.now(tz=UTC) - timedelta(seconds=age)
    signed = json.dumps(PAYLOAD)
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, sent_at, signed),
        "content-type": "application/json",
    }
    request = urllib.request.Request(receiver.url, (body or signed).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_webhook_signed_with_the_secret_is_kept(receiver: Receiver) -> None:
    assert post(receiver, SECRET) == 204
    (delivery,) = receiver.deliveries
    assert delivery.type == "alert.firing"
    assert delivery.segment == PAYLOAD["data"]["segment"]  # type: ignore[index]
    assert "sharpness fell" in describe(delivery)


@pytest.mark.parametrize(
    ("secret", "body", "age"),
    [(OTHER, "", 0), (SECRET, '{"type":"alert.resolved"}', 0), (SECRET, "", 3600)],
    ids=["another secret", "another body", "an hour old"],
)
def test_a_webhook_whose_signature_does_not_hold_is_refused_and_counted(
    receiver: Receiver, secret: str, body: str, age: int
) -> None:
    assert post(receiver, secret, body=body, age=age) == 401
    assert receiver.deliveries == []
    assert receiver.refused == 1


def test_a_webhook_without_any_signature_is_refused(receiver: Receiver) -> None:
    request = urllib.request.Request(receiver.url, json.dumps(PAYLOAD).encode())
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as error:
        assert error.code == 401


def test_a_webhook_that_comes_twice_is_kept_once() -> None:
    seen: list[Delivery] = []
    receiver = Receiver(SECRET, on_delivery=seen.append)
    try:
        assert [post(receiver, SECRET), post(receiver, SECRET), post(receiver, SECRET, message="msg_2")] == [
            204
        ] * 3
        assert [delivery.id for delivery in seen] == ["msg_1", "msg_2"]
        assert receiver.deliveries == seen
    finally:
        receiver.close()
