"""The composition root: the only place that knows all parts, and in which order they start and stop."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

import pyarrow as pa
from driftline_schemas.reference import Reference

from driftline_collector.alerts.delivery import Delivery
from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.notifiers.webhook import WebhookNotifier
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.analysis.by_version import by_version
from driftline_collector.analysis.calibration import calibration
from driftline_collector.analysis.detectors.proportion import binned_quantile
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy
from driftline_collector.analysis.past_reference import of_past
from driftline_collector.api.app import create_api
from driftline_collector.api.parts import Parts
from driftline_collector.keeper import Keeper
from driftline_collector.receiver.grpc import OtlpGrpc
from driftline_collector.receiver.http import OtlpHttp
from driftline_collector.receiver.intake import Intake
from driftline_collector.receiver.names import Names
from driftline_collector.receiver.shedding import Shedding
from driftline_collector.scheduler import Scheduler
from driftline_collector.server import GRACE_S, Server, address, listen, on_signals, route
from driftline_collector.settings import NotifierSettings, ServerSettings, Settings
from driftline_collector.settings_evaluation import EvaluationSettings
from driftline_collector.store.base import Store, Tables
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.usage import Space


class Collector:
    """Everything that `driftline collector` runs. Constructed, it listens; `run` serves until `stop`.

    Raises StartError or StoreError where the port or the database cannot be had.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], int] = time.time_ns) -> None:
        # The ports first: a second collector by mistake shall not even touch the database.
        self._listener = listen(settings.server.host, settings.server.port)
        with ExitStack() as undo:
            undo.callback(self._listener.close)
            self._grpc = _grpc(settings.server)
            if self._grpc is not None:
                undo.callback(self._grpc.stop, 0)
            self._store = DuckDBStore(
                settings.store.path,
                copy_first=settings.store.copy_before_migration,
                memory=settings.store.memory,
                remember_ns=settings.store.remember,
            )
            undo.pop_all()
        self.url = address(self._listener)
        self.grpc_address = self._grpc.address if self._grpc else None
        links = Links(dashboard=settings.server.public_url, api=self.url)
        self._edges = RegisteredEdges(self._store)
        in_use = Names()
        in_use.restore(self._store.names())
        space = Space(settings.store.path.parent, settings.retention.reserve)
        self._intake = Intake(
            self._store.inbox,
            self._edges,
            in_use,
            shedding=Shedding(space, settings.retention.shed_tables()),
            max_requests=settings.server.queue_requests,
        )
        judged = settings.evaluation
        policy = settings.retention.policy(judged.history, judged.future_tolerance)
        self._keeper = Keeper(self._store, policy, space, now=now)
        notifiers = [_webhook(notifier) for notifier in settings.notifiers]
        names = [notifier.name for notifier in notifiers]
        self._delivery = Delivery(self._store, notifiers, now=now)
        rules = [rule.rule() for rule in settings.alerts.rules]
        self._alerts = AlertPipeline(
            self._store,
            rules,
            names,
            now=now,
            links=links,
        )
        self._evaluated = 0
        self._scheduler = _scheduler(
            self._store,
            settings.evaluation,
            rules,
            self._observe,
            judged=self._delivery.wake,
            now=taken_in_until(self._store, now),
        )
        self._serving = False
        self._otlp = OtlpHttp(
            self._intake,
            max_body_bytes=settings.server.max_body_bytes,
            origins=settings.server.cors_origins,
        )
        api = create_api(
            Parts(
                store=self._store,
                operated=self._store,
                now=now,
                notifiers=names,
                rules=rules,
                minimum_effect=settings.evaluation.minimum_effect,
                lateness_ns=settings.evaluation.lateness,
                future_tolerance_ns=settings.evaluation.future_tolerance,
                started_ns=now(),
                database=settings.store.path,
                retention=policy,
                space=space,
                shed=settings.retention.shed,
                links=links,
                counts=self._counts,
                requests=self._requests,
                performance=partial(by_version, self._store),
                quantile=binned_quantile,
                calibrate=calibration,
                past_reference=partial(of_past, self._store, ahead_ns=settings.evaluation.future_tolerance),
                reference_registered=self._reference_registered,
                notification_queued=self._delivery.wake,
                ready=lambda: self._serving,
            )
        )
        self._server = Server(route(self._otlp, api), self._listener)

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`, SIGTERM or SIGINT; then commit what was taken, and let go of everything.

        `started` is called once signals are heeded and connections are taken.
        """
        with on_signals(self.stop):
            try:
                withdrawn = self._alerts.withdraw()
                if withdrawn:
                    self._store.submit(withdrawn).result()
                self._delivery.start()
                self._scheduler.start()
                self._keeper.start()
                if self._grpc is not None:
                    self._grpc.start(self._intake)
                self._serving = True
                started()
                self._server.run()
            finally:
                self._serving = False
                self._close()

    def stop(self) -> None:
        """Ask `run` to end; from any thread."""
        self._server.stop()

    def _close(self) -> None:
        """From the sources to the sink, so that whatever was taken reaches the file."""
        if self._grpc is not None:
            self._grpc.stop(GRACE_S)
        self._scheduler.stop()
        self._intake.close()
        self._delivery.stop()
        self._keeper.stop()
        self._store.close()
        self._listener.close()

    def _reference_registered(self) -> None:
        self._edges.refresh()
        self._scheduler.reference_registered()

    def _observe(self, evaluations: pa.Table) -> Tables:
        self._evaluated += evaluations.num_rows
        return self._alerts.observe(evaluations)

    def _counts(self) -> Mapping[str, int]:
        requests, size = self._intake.pending
        return {"queue_requests": requests, "queue_bytes": size, "evaluations": self._evaluated}

    def _requests(self) -> Sequence[Mapping[str, str | int]]:
        counted = [self._otlp.requests, *([self._grpc.requests] if self._grpc else [])]
        return [row for requests in counted for row in requests.rows()]


def _grpc(settings: ServerSettings) -> OtlpGrpc | None:
    if settings.grpc_port is None:
        return None
    return OtlpGrpc(settings.host, settings.grpc_port, max_body_bytes=settings.max_body_bytes)


def _webhook(settings: NotifierSettings) -> WebhookNotifier:
    webhook = settings.webhook
    secret = webhook.secret.get_secret_value()
    return WebhookNotifier(settings.name, webhook.url, secret, timeout_s=webhook.timeout / 1e9)


def _scheduler(
    store: Store,
    settings: EvaluationSettings,
    rules: Sequence[Rule],
    observe: Callable[[pa.Table], Tables],
    *,
    judged: Callable[[], None],
    now: Callable[[], int],
) -> Scheduler:
    limits = Limits(
        minimum_effect=settings.minimum_effect,
        false_discovery=settings.false_discovery,
        minimum_rows=settings.minimum_rows,
        detector=settings.detector,
        scores=tuple(sorted({rule.detector for rule in rules if rule.detector})),
    )
    return Scheduler(
        store,
        observe,
        Policy(
            limits=limits,
            detectors=settings.detectors,
            against=settings.reference,
            references=settings.references,
            zones=settings.time_zones,
            segments=settings.segments,
            model_segments=settings.model_segments,
            future_tolerance_ns=settings.future_tolerance,
        ),
        width_ns=settings.window,
        lateness_ns=settings.lateness,
        history_ns=settings.history,
        now=now,
        judged=judged,
    )


def taken_in_until(store: DuckDBStore, now: Callable[[], int]) -> Callable[[], int]:
    """Up to when (ns since the epoch) all that came is in the database; waits a while for what is not.

    By this clock windows close: one whose data still wait in the journal would be judged without them.
    """

    def until_ns() -> int:
        store.settle()
        now_ns = now()
        return store.waiting().taken_in_until(now_ns)

    return until_ns


class RegisteredEdges:
    """The bin edges of registered references: what the receiver need not store with each histogram."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._edges: dict[tuple[str, str], Sequence[float]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the references again: one was registered."""
        edges: dict[tuple[str, str], Sequence[float]] = {}
        for row in self._store.references().to_pylist():
            reference = Reference.from_json(json.loads(row["document"]), where=f"reference {row['id']}")
            for feature in reference.binning.features:
                if feature.kind == "numeric":
                    edges[reference.binning.id, feature.name] = feature.edges
        self._edges = edges

    def __call__(self, binning: str, feature: str) -> Sequence[float] | None:
        """The edges of a feature, `None` where the binning is not registered or has no such feature."""
        return self._edges.get((binning, feature))
