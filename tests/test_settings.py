"""The settings tree: what it takes, and how it says what it does not take."""

import base64
import json
import re
from importlib import resources
from pathlib import Path

import pytest
import yaml
from driftline_collector.environment import collector_url, default_file
from driftline_collector.errors import SettingsError
from driftline_collector.settings import Settings, json_schema, load
from driftline_collector.settings_types import format_duration, format_size, parse_duration, parse_size
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
DOCS = Path(__file__).parent.parent / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DRIFTLINE_CONFIG", "DRIFTLINE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def wrong(text: str) -> list[str]:
    """What is said about a configuration, a line for each problem, without the file's name."""
    file = Path("driftline.yaml")
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file)
    return [str(problem).removeprefix("driftline.yaml:") for problem in caught.value.problems]


def test_no_configuration_at_all_is_a_configuration() -> None:
    settings = load()
    assert settings.server.port == 4318
    assert settings.evaluation.window == 3600 * 10**9
    assert [(rule.name, rule.measure) for rule in settings.alerts.rules] == [("drift", "drift")]


def test_limits_of_size_reach_the_store_and_so_does_what_may_be_judged_again() -> None:
    Path("driftline.yaml").write_text("retention: {most: 200GB, samples: {most: 50GB}}\n")
    policy = load(Path("driftline.yaml")).retention.policy(7 * 86400 * 10**9, 0)
    assert (policy.most_bytes, policy.kinds["samples"].most_bytes) == (200 * 10**9, 50 * 10**9)
    assert policy.history_ns == 7 * 86400 * 10**9


def test_segments_of_ones_own_are_chosen_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "evaluation: {segments: [line, segment.shift], model_segments: {letters: []}}\n"
        "alerts: {rules: [{name: low, measure: accuracy, below: 0.9, each: [segment.line]}]}\n"
    )
    settings = load(tmp_path / "own.yaml")
    assert settings.evaluation.segments == ("line", "shift")
    assert settings.evaluation.model_segments == {"letters": ()}
    assert settings.alerts.rules[0].rule().each == ("segment.line",)
    assert load().evaluation.segments is None


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert load(tmp_path / "empty.yaml") == load()


def test_a_full_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "full.yaml").write_text(
        f"""
store: {{path: data/d.duckdb}}
server: {{host: 0.0.0.0, port: 4400, public_url: "https://driftline.example/"}}
evaluation: {{window: 5s, lateness: 500ms}}
alerts:
  rules:
    - {{name: drift, measure: drift, for: 1h}}
    - {{name: low, measure: accuracy, below: 0.9, sure: true, each: [region], notify: [desk]}}
notifiers:
  - {{name: desk, webhook: {{url: "http://127.0.0.1:9000/hook", secret: {SECRET}}}}}
"""
    )
    settings = load(tmp_path / "full.yaml")
    assert settings.store.path == Path("data/d.duckdb")
    assert settings.server.public_url == "https://driftline.example"
    assert settings.evaluation.lateness == 500 * 10**6
    drift, low = (rule.rule() for rule in settings.alerts.rules)
    assert drift.hold_ns == 3600 * 10**9
    assert (low.below, low.sure, low.each, low.notify) == (0.9, True, ("region",), ("desk",))
    assert settings.notifiers[0].webhook.secret.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("serve:\n  port: 1\n", ["1: serve: unknown key; did you mean 'server'?"]),
        ("server:\n  prot: 1\n", ["2: server.prot: unknown key; did you mean 'port'?"]),
        ("server:\n  port: x\n", ["2: server.port: expected a whole number; found 'x'"]),
        (
            "server:\n  port: 70000\n",
            ["2: server.port: expected a number less than or equal to 65535; found 70000"],
        ),
        (
            "server: 4318\n",
            [
                (
                    "1: server: expected keys: host, port, grpc_port, cors_origins, max_body_bytes,"
                    " queue_requests, public_url; found 4318"
                )
            ],
        ),
        (
            "server: {grpc_port: of}\n",
            ["1: server.grpc_port: expected a whole number; found 'of'"],
        ),
        (
            "server: {cors_origins: [https://page.example/shop]}\n",
            [
                (
                    "1: server.cors_origins[0]: expected an origin such as https://shop.example or"
                    " http://localhost:3000, no path; found 'https://page.example/shop'"
                )
            ],
        ),
        (
            "evaluation:\n  lateness: 5m\n  window: 60\n",
            ["3: evaluation.window: expected a duration such as 500ms, 5s, 10m, 1h or 1d; found 60"],
        ),
        (
            "evaluation: {window: 0s}\n",
            ["1: evaluation.window: expected a duration longer than 0s; found '0s'"],
        ),
        (
            "store: {memory: 96}\n",
            ["1: store.memory: expected a size such as 500MB, 20GB or 1TB; found 96"],
        ),
        ("evaluation: {history: 1m}\n", ["1: evaluation.history: expected at least one window"]),
        ("retention: {most: 10MB}\n", ["1: retention.most: expected at least 500MB"]),
        ("alerts:\n  rules: drift\n", ["2: alerts.rules: expected a list; found 'drift'"]),
        (
            "alerts:\n  rules:\n    - name: a\n      measure: drft\n",
            [
                (
                    "4: alerts.rules[0].measure: expected 'drift', 'accuracy', 'agreement',"
                    " 'escalation_rate', 'coverage', 'silent_devices', 'latency_p95' or 'quality';"
                    " found 'drft'; did you mean 'drift'?"
                )
            ],
        ),
        (
            "evaluation: {detector: wasserstein}\n",
            [
                (
                    "1: evaluation.detector: expected 'psi', 'chi_square', 'kolmogorov_smirnov' or"
                    " 'neyman_smooth'; found 'wasserstein'"
                )
            ],
        ),
        (
            "alerts:\n  rules:\n    - {name: a, measure: drift, detector: wasserstein}\n",
            ["3: alerts.rules[0]: 'detector' is for rules on drift with a limit: above"],
        ),
        (
            "alerts:\n  rules:\n    - {name: a, measure: drift, detector: psi, above: 1, sure: true}\n",
            ["3: alerts.rules[0]: 'sure' compares an interval, which the score of a detector does not have"],
        ),
        ("alerts: {rules: [{measure: drift}]}\n", ["1: alerts.rules[0].name: is missing"]),
        (
            "alerts:\n  rules:\n    - {name: a, measure: accuracy}\n",
            ["3: alerts.rules[0]: a rule on accuracy needs a limit: above or below"],
        ),
        (
            "alerts:\n  rules:\n    - {name: a, measure: drift}\n    - {name: a, measure: drift}\n",
            ["4: alerts.rules[1].name: 'a' stands twice; each needs a name of its own"],
        ),
        (
            "alerts:\n  rules:\n    - name: a\n      measure: drift\n      segment: camera-a\n",
            [
                (
                    "5: alerts.rules[0].segment: expected a segment key such as"
                    " model=digits,version=*,device_type=*,region=*; segment 'camera-a': 'camera-a' is not"
                    " <dimension>=<value>; found 'camera-a'"
                )
            ],
        ),
        (
            "alerts:\n  rules:\n    - {name: a, measure: drift, notify: [dsk]}\n",
            ["3: alerts.rules[0].notify: there is no notifier 'dsk'; known are: none"],
        ),
        ("server:\n  port: 1\n  port: 2\n", ["3: server.port: stands twice, first in line 2"]),
        ("server: [\n", ["2: not YAML: expected the node content, but found '<stream end>'"]),
        ("- a\n- b\n", ["1: expected keys such as 'server:'; found a list"]),
        ("a: &x\n  b: *x\n", ["2: a.b: an alias leads back to itself"]),
    ],
)
def test_a_mistake_is_told_with_its_line_key_and_what_was_expected(text: str, said: list[str]) -> None:
    assert wrong(text) == said


def test_all_mistakes_are_told_at_once_in_order_of_their_lines() -> None:
    assert [
        line.partition(":")[0] for line in wrong("evaluation:\n  window: 1\nserver:\n  port: x\n  prot: 1\n")
    ] == [
        "2",
        "4",
        "5",
    ]


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(
        SettingsError, match=re.escape("absent.yaml: cannot be read: No such file or directory")
    ):
        load(Path("absent.yaml"))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00server")
    with pytest.raises(SettingsError, match="it is not UTF-8 text"):
        load(tmp_path / "binary.yaml")


@pytest.mark.parametrize("secret", ["abc", "whsec_", "whsec_" + "A" * 8, SECRET + "!", "whsec_" + "A" * 120])
def test_a_weak_or_broken_secret_is_refused_without_being_shown(secret: str) -> None:
    text = f"notifiers:\n  - name: a\n    webhook:\n      url: http://x/\n      secret: {secret}\n"
    (said,) = wrong(text)
    assert said.startswith("5: notifiers[0].webhook.secret: expected whsec_")
    assert "found" not in said


def test_secrets_and_addresses_are_masked() -> None:
    Path("a.yaml").write_text(
        f"notifiers: [{{name: a, webhook: {{url: 'https://hooks.example/T0KEN', secret: {SECRET}}}}}]"
    )
    shown = repr(load(Path("a.yaml")))
    assert SECRET not in shown
    assert "T0KEN" not in shown
    assert "**********" in shown


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.yaml").write_text("server: {port: 1, host: 127.0.0.2}\n")
    monkeypatch.setenv("DRIFTLINE_SERVER__PORT", "2")
    monkeypatch.setenv("DRIFTLINE_EVALUATION__WINDOW", "5s")
    settings = load(Path("a.yaml"))
    assert (settings.server.port, settings.server.host) == (2, "127.0.0.2")
    assert settings.evaluation.window == 5 * 10**9


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("{}", 4317),
        ("{grpc_port: off}", None),
        ("{grpc_port: null}", None),
        ("{grpc_port: 5000}", 5000),
        ("{port: 0}", 0),
        ("{port: 0, grpc_port: 5000}", 5000),
    ],
)
def test_grpc_has_its_usual_port_unless_any_is_asked_for(text: str, port: int | None) -> None:
    Path("a.yaml").write_text(f"server: {text}\n")
    assert load(Path("a.yaml")).server.grpc_port == port


def test_grpc_is_turned_off_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_SERVER__GRPC_PORT", "off")
    assert load().server.grpc_port is None


@pytest.mark.parametrize("origin", ["*", "null", "page.example", "https://", "https://page.example/"])
def test_an_origin_is_a_scheme_and_a_host(origin: str) -> None:
    (said,) = wrong(f"server: {{cors_origins: ['{origin}']}}\n")
    assert said.startswith("1: server.cors_origins[0]: expected an origin such as")


def test_a_list_comes_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_ALERTS__RULES", '[{"name": "x", "measure": "drift", "for": "2h"}]')
    assert load().alerts.rules[0].hold == 7200 * 10**9


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DRIFTLINE_SERVER__PORT", "x", "server.port: expected a whole number; found 'x'"),
        ("DRIFTLINE_SERVER__PROT", "1", "server.prot: unknown key; did you mean 'port'?"),
        ("DRIFTLINE_SEVER__PORT", "1", "no such section; did you mean 'server'?"),
        ("DRIFTLINE_NOTIFIERS", "desk", "expected JSON"),
        ("DRIFTLINE_ALERTS", '{"rules": [{"name": "x"}]}', "alerts.rules[0].measure: is missing"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value) == f"environment variable {name}: {said}"


def test_variables_of_the_sdk_and_of_commands_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_DISABLED", "1")
    monkeypatch.setenv("DRIFTLINE_URL", "http://elsewhere:4318")
    assert load() == Settings()
    assert collector_url() == "http://elsewhere:4318"


def test_the_file_is_named_by_the_environment_else_it_lies_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert default_file() is None
    Path("driftline.yaml").touch()
    assert default_file() == Path("driftline.yaml")
    monkeypatch.setenv("DRIFTLINE_CONFIG", "other.yaml")
    assert default_file() == Path("other.yaml")


@given(st.sampled_from(["ms", "s", "m", "h", "d"]), st.integers(0, 10_000))
def test_a_duration_is_read_back_as_it_was_written(unit: str, count: int) -> None:
    ns = parse_duration(f"{count}{unit}")
    assert parse_duration(format_duration(ns)) == ns


@given(st.sampled_from(["kB", "MB", "GB", "TB"]), st.integers(0, 10_000))
def test_a_size_is_read_back_as_it_was_written(unit: str, count: int) -> None:
    size = parse_size(f"{count}{unit}")
    assert parse_size(format_size(size)) == size


@settings_of_hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["store", "server", "alerts", "rules", "port", "webhook", "name", "_env_file", ""]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_whatever_stands_in_a_file_is_taken_or_refused_in_words(document: object) -> None:
    Path("f.yaml").write_text(yaml.safe_dump(document))
    try:
        load(Path("f.yaml"))
    except SettingsError as error:
        told = str(error)
    else:
        told = "f.yaml"
    assert told.startswith("f.yaml")


def test_the_json_schema_is_that_of_the_code() -> None:
    shipped = json.loads(resources.files("driftline_schemas").joinpath("config.schema.json").read_text())
    assert shipped == json.loads(json.dumps(json_schema())), (
        "run: driftline check-config --schema > schemas/driftline_schemas/config.schema.json"
    )


def test_the_json_schema_takes_what_the_code_takes() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[1])  # type: ignore[index]
    Draft202012Validator(schema).validate(example)
    Path("example.yaml").write_text(yaml.safe_dump(example))
    assert load(Path("example.yaml")).notifiers[0].name == "desk"


def test_every_setting_is_documented() -> None:
    page = DOCS.read_text()
    missing = [key for key in _keys(json_schema()) if f"`{key}`" not in page]
    assert not missing


def _keys(schema: dict[str, object]) -> list[str]:
    """Every key of the tree, dotted, lists as `[]`."""

    def walk(node: dict, path: str) -> list[str]:  # type: ignore[type-arg]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]  # type: ignore[index]
        if "items" in node:
            return walk(node["items"], path + "[]") if isinstance(node["items"], dict) else [path]
        if "properties" not in node:
            return [path.removesuffix("[]")]
        return [
            k
            for name, child in node["properties"].items()
            for k in walk(child, f"{path}.{name}" if path else name)
        ]

    return walk(schema, "")
