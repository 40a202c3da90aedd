"""All named reads of a store, whoever opens it."""

from driftline_collector.store.reader import Reader
from driftline_collector.store.reads_cases import CaseReads
from driftline_collector.store.reads_devices import DeviceReads
from driftline_collector.store.reads_doctor import DoctorReads
from driftline_collector.store.reads_fleet import FleetReads
from driftline_collector.store.reads_judged import JudgedReads
from driftline_collector.store.reads_profiles import ProfileReads
from driftline_collector.store.reads_samples import SampleReads
from driftline_collector.store.reads_system import SystemReads


class NamedReads(
    Reader,
    ProfileReads,
    SampleReads,
    FleetReads,
    DeviceReads,
    JudgedReads,
    CaseReads,
    SystemReads,
    DoctorReads,
):
    """See `driftline_collector.store.base.Store` and `driftline_collector.store.shown.Shown`."""
