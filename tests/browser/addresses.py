"""Where the eight pages of a seeded fleet are."""

from urllib.parse import urlencode

from driftline_collector.client import Client

#: The name of each page, as its tests say it.
PAGES = ("now", "alert", "drift", "quality", "devices", "device", "prediction", "system")


def addresses(dashboard_url: str, collector_url: str, **shared: str) -> dict[str, str]:
    """The URL of each page, of something that the collector knows: what moved, and who moved with it.

    `shared` are parameters that every page has, such as a model.
    """
    with Client(collector_url, timeout_s=60) as client:
        alert = next(alert for alert in client.alerts(state="firing") if alert.measure == "drift")
        device = max(client.devices(), key=lambda each: each.worst_effect or 0)
        escalated = next(each for each in client.samples(limit=200) if each.cloud_label is not None)
    own = {"alert": alert.id, "device": device.device, "prediction": escalated.id}
    return {
        name: address(dashboard_url, name, **shared, **({"id": own[name]} if name in own else {}))
        for name in PAGES
    }


def address(dashboard_url: str, name: str, **parameters: str) -> str:
    """The URL of a page with parameters."""
    path = "" if name == "now" else name
    return f"{dashboard_url}/{path}{f'?{urlencode(parameters)}' if parameters else ''}"
