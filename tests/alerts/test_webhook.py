"""Webhooks on real sockets: signed as Standard Webhooks has it, and what each answer means."""

import json
import socket
import threading
import time

import httpx
import pytest
from driftline_collector.alerts.notifiers import Answer
from driftline_collector.alerts.notifiers.webhook import WebhookNotifier, outcome_of
from standardwebhooks import Webhook, WebhookVerificationError

from tests.alerts.desk import SECRET, desk

PAYLOAD = json.dumps({"type": "alert.firing", "data": {"segment": "Zürich, 東京 & <b>"}}, ensure_ascii=False)


def notifier(url: str, timeout_s: float = 5.0) -> WebhookNotifier:
    return WebhookNotifier("desk", url, SECRET, timeout_s=timeout_s)


def test_a_message_arrives_signed_and_as_it_was_written() -> None:
    with desk() as receiver:
        sender = notifier(receiver.url)
        assert sender.send("msg_1", PAYLOAD, time.time_ns()).answer is Answer.DELIVERED
        sender.close()
    assert receiver.bodies == [PAYLOAD.encode()]
    assert receiver.attempts == [("msg_1", 204)]


def test_the_signature_is_of_the_time_of_the_attempt() -> None:
    """Receivers refuse what is older than five minutes, so a late attempt must not carry an old time."""
    headers: dict[str, str] = {}

    def take(request: httpx.Request) -> httpx.Response:
        headers.update(request.headers)
        return httpx.Response(204)

    sender = WebhookNotifier("desk", "http://desk.example/", SECRET, transport=httpx.MockTransport(take))
    sender.send("msg_1", PAYLOAD, 1_000_000_000 * 10**9)
    sender.close()
    assert headers["webhook-timestamp"] == "1000000000"
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(PAYLOAD, headers)


@pytest.mark.parametrize(
    ("statuses", "answer"),
    [
        ((200, 201, 202, 204, 299), Answer.DELIVERED),
        ((500, 502, 503, 504, 599), Answer.RETRY),
        ((408, 409, 425, 429), Answer.RETRY),
        ((400, 401, 403, 404, 405, 413, 422), Answer.RETRY_BRIEFLY),
        ((301, 302, 307, 308), Answer.RETRY_BRIEFLY),  # a signed body does not follow redirects
        ((410,), Answer.GONE),
    ],
)
def test_each_status_means_deliver_retry_retry_a_little_or_stop(
    statuses: tuple[int, ...], answer: Answer
) -> None:
    assert [outcome_of(status, None, 0).answer for status in statuses] == [answer] * len(statuses)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(header: str | None, seconds: float | None) -> None:
    assert outcome_of(503, header, 10 * 10**9).retry_after_s == seconds


def test_redirects_are_not_followed() -> None:
    with desk() as elsewhere, desk(lambda attempt: 307, location=elsewhere.url) as receiver:
        sender = notifier(receiver.url)
        assert sender.send("msg_1", PAYLOAD, time.time_ns()).answer is Answer.RETRY_BRIEFLY
        sender.close()
    assert not elsewhere.attempts


def test_nobody_there_is_a_passing_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sender = notifier(f"http://127.0.0.1:{port}/")
    outcome = sender.send("msg_1", PAYLOAD, time.time_ns())
    sender.close()
    assert outcome.answer is Answer.RETRY
    assert "Connection refused" in (outcome.detail or "")


def test_an_answer_that_never_comes_is_a_passing_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = notifier(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.1)
        outcome = sender.send("msg_1", PAYLOAD, time.time_ns())
        sender.close()
    assert outcome.answer is Answer.RETRY


def test_something_that_is_not_http_is_a_passing_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = notifier(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        listener.settimeout(5)

        def answer() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        outcome = sender.send("msg_1", PAYLOAD, time.time_ns())
        thread.join()
        sender.close()
    assert outcome.answer is Answer.RETRY
