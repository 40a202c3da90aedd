"""Webhooks by the Standard Webhooks scheme (standardwebhooks.com): signed, repeated until taken."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from standardwebhooks import Webhook

from driftline_collector.alerts.notifiers import Answer, Outcome

#: Statuses below 500 that say "later", not "no".
_LATER = frozenset({408, 409, 425, 429})


class WebhookNotifier:
    """Posts JSON to a URL. `secret` is `whsec_` and base64; `timeout_s` holds for each step of a request."""

    def __init__(
        self,
        name: str,
        url: str,
        secret: str,
        *,
        timeout_s: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self._signer = Webhook(secret)
        # No redirects: a signed body must not wander. No proxies from the environment: settings alone decide.
        self._client = httpx.Client(
            timeout=timeout_s, follow_redirects=False, trust_env=False, transport=transport
        )

    def send(self, message_id: str, payload: str, now_ns: int) -> Outcome:
        """Sign and post; the signature carries the time of this attempt."""
        moment = datetime.fromtimestamp(now_ns // 10**9, UTC)
        headers = {
            "content-type": "application/json",
            "user-agent": "driftline",
            "webhook-id": message_id,
            "webhook-timestamp": str(now_ns // 10**9),
            "webhook-signature": self._signer.sign(message_id, moment, payload),
        }
        try:
            with self._client.stream("POST", self._url, content=payload.encode(), headers=headers) as answer:
                return outcome_of(answer.status_code, answer.headers.get("retry-after"), now_ns)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Outcome(Answer.RETRY, f"no answer: {str(error) or type(error).__name__}")

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()


def outcome_of(status: int, retry_after: str | None, now_ns: int) -> Outcome:
    """What an HTTP status means for a message."""
    if 200 <= status < 300:
        return Outcome(Answer.DELIVERED)
    detail = f"the receiver answered {status}"
    if status == 410:
        return Outcome(Answer.GONE, detail)
    if status >= 500 or status in _LATER:
        return Outcome(Answer.RETRY, detail, _seconds(retry_after, now_ns))
    return Outcome(Answer.RETRY_BRIEFLY, detail)


def _seconds(retry_after: str | None, now_ns: int) -> float | None:
    """`Retry-After` in seconds: it comes as a number or as a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now_ns / 1e9)
    except ValueError:
        return None
