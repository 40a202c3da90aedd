"""What the golden vectors hold, by hand: values, binnings, segment keys, windows, sequence numbers."""

import math
from typing import Any

from tests.schemas.golden_records import BINNING, MINUTE, NOON

ZERO_FLOOR = -2.2250738585072014e-308
LEAST, MOST, DENORMAL = -1.7976931348623157e308, 1.7976931348623157e308, 5e-324
NAN, INF = math.nan, math.inf

# Each value with the bin that it falls into; the number of edges and one is the bin of what is missing.
NUMERIC: list[tuple[str, list[float], list[tuple[float, int]]]] = [
    (
        "right-closed: a value on an edge belongs below it",
        [0.1, 0.2, 0.30000000000000004],
        [
            (0.1, 0),
            (0.10000000000000002, 1),
            (0.2, 1),
            (0.3, 2),
            (0.30000000000000004, 2),
            (0.1 + 0.2, 2),
            (0.30000000000000010, 3),
        ],
    ),
    (
        "below and above the range",
        [-1.0, 1.0],
        [
            (-1.5, 0),
            (LEAST, 0),
            (-1.0, 0),
            (-0.9999999999999999, 1),
            (1.0, 1),
            (1.0000000000000002, 2),
            (MOST, 2),
        ],
    ),
    (
        "NaN and infinity are missing, whatever their sign",
        [0.0],
        [(NAN, 2), (-NAN, 2), (INF, 2), (-INF, 2), (0.0, 0), (MOST, 1), (LEAST, 0)],
    ),
    (
        "an exact zero has a bin of its own, and -0.0 is zero",
        [-1.0, ZERO_FLOOR, 0.0, 1.0],
        [
            (0.0, 2),
            (-0.0, 2),
            (ZERO_FLOOR, 1),
            (-2.225073858507202e-308, 1),
            (-0.5, 1),
            (2.2250738585072014e-308, 3),
            (0.5, 3),
            (1.0, 3),
            (2.0, 4),
            (NAN, 5),
        ],
    ),
    (
        "denormals are numbers: those below zero fall into the bin of zero, those above do not",
        [ZERO_FLOOR, 0.0, DENORMAL, 1e-310],
        [(-DENORMAL, 1), (-1e-310, 1), (0.0, 1), (DENORMAL, 2), (1e-323, 3), (1e-310, 3), (1.1e-310, 4)],
    ),
    (
        "the ends of float64 are ordinary edges",
        [LEAST, MOST],
        [(LEAST, 0), (-1.7976931348623155e308, 1), (0.0, 1), (MOST, 1), (INF, 3), (-INF, 3)],
    ),
    ("one edge", [3.0], [(3.0, 0), (2.0, 0), (3.0000000000000004, 1), (NAN, 2)]),
]
NONSENSE = "\N{SNOWMAN}"
CATEGORICAL: list[tuple[str, list[str], list[tuple[Any, int]]]] = [
    (
        "listed, other, missing",
        ["cat", "dog"],
        [("cat", 0), ("dog", 1), ("cow", 2), ("Cat", 2), ("cat ", 2), ("__other__", 2), ("", 3), (None, 3)],
    ),
    (
        "texts compare by code point, without normalising",
        ["caf\u00e9", NONSENSE],
        [("caf\u00e9", 0), ("cafe\u0301", 2), (NONSENSE, 1)],
    ),
    (
        "truth values and whole numbers are spelled as in JSON",
        ["true", "false", "7"],
        [(True, 0), (False, 1), ("true", 0), (7, 2), ("7", 2), (1, 3), (-7, 3)],
    ),
    ("no category at all: everything is other", [], [("a", 0), (None, 1)]),
]
# Content, and the canonical JSON that its id is the hash of.
IDS: list[tuple[dict[str, Any], str]] = [
    (
        {"model": "digits", "features": [{"name": "ink", "kind": "numeric", "edges": [0.0, 0.5, 1.0]}]},
        (
            '{"features":[{"edges":["0000000000000000","3fe0000000000000","3ff0000000000000"],'
            '"kind":"numeric","name":"ink"}],"model":"digits"}'
        ),
    ),
    (
        {"model": "digits", "features": [{"name": "ink", "kind": "numeric", "edges": [-0.0, 0.5, 1]}]},
        (
            '{"features":[{"edges":["0000000000000000","3fe0000000000000","3ff0000000000000"],'
            '"kind":"numeric","name":"ink"}],"model":"digits"}'
        ),
    ),
    (
        {
            "model": "caf\u00e9 \u2603 \U0001f4f7",
            "features": [
                {
                    "name": "__label__",
                    "kind": "categorical",
                    "categories": ['a "b"\\/', "tab\t", "\u007f\u0001", "z"],
                },
                {"name": "x", "kind": "numeric", "edges": [LEAST, ZERO_FLOOR, 0.0, DENORMAL, 0.1, MOST]},
            ],
        },
        (
            '{"features":[{"categories":["a \\"b\\"\\\\/","tab\\t","\u007f\\u0001","z"],"kind":"categorical",'
            '"name":"__label__"},{"edges":["ffefffffffffffff","8010000000000000","0000000000000000",'
            '"0000000000000001","3fb999999999999a","7fefffffffffffff"],"kind":"numeric","name":"x"}],'
            '"model":"caf\u00e9 \u2603 \U0001f4f7"}'
        ),
    ),
    (
        BINNING,
        (
            '{"features":[{"edges":["0000000000000000","3fd0000000000000","3fe0000000000000"],"kind":"numeric",'
            '"name":"ink"},{"categories":["new","recycled"],"kind":"categorical","name":"paper"},'
            '{"categories":["1","7"],"kind":"categorical","name":"__label__"},'
            '{"edges":["3fe0000000000000","3feccccccccccccd"],"kind":"numeric","name":"__score__"}],"model":"digits"}'
        ),
    ),
    ({"model": "", "features": []}, '{"features":[],"model":""}'),
]

KEYS: list[tuple[str, dict[str, str]]] = [
    ("model=digits,version=*,device_type=*,region=*", {"model": "digits"}),
    (
        "model=digits,version=2.0.0,device_type=camera-a,region=eu-west",
        {"region": "eu-west", "device_type": "camera-a", "version": "2.0.0", "model": "digits"},
    ),
    ("model=digits,version=*,device_type=%2A,region=*", {"model": "digits", "device_type": "*"}),
    (
        "model=a%2Cb%3Dc%25,version=%20,device_type=a%2Fb,region=*",
        {"model": "a,b=c%", "version": " ", "device_type": "a/b"},
    ),
    (
        "model=caf%C3%A9,version=%F0%9F%93%B7,device_type=*,region=*",
        {"model": "caf\u00e9", "version": "\U0001f4f7"},
    ),
    (
        "model=A-z_0.9~,version=*,device_type=%2B%26%3F%23,region=unknown",
        {"model": "A-z_0.9~", "device_type": "+&?#", "region": "unknown"},
    ),
    (
        "model=m,version=*,device_type=*,region=*,tier=cloud,device=cam-1,segment.line=A3,segment.site%2C2=x",
        {"model": "m", "segment.site,2": "x", "segment.line": "A3", "device": "cam-1", "tier": "cloud"},
    ),
]
# Read, but not how driftline writes it.
LENIENT = [
    ("model=digits", KEYS[0][0]),
    ("region=eu-west,model=digits", "model=digits,version=*,device_type=*,region=eu-west"),
    ("model=digits,version=*,device_type=%2a,region=*", KEYS[2][0]),
    ("model=digits,tier=*,version=*", KEYS[0][0]),
    ("model=a+b,region=%75", "model=a%2Bb,version=*,device_type=*,region=u"),
]
REFUSED = [
    ("", "no model"),
    ("version=2.0.0", "no model"),
    ("model=*,version=2.0.0", "the model must be named"),
    ("model=", "an empty value"),
    ("model=digits,version=", "an empty value"),
    ("model", "no value"),
    ("model=digits,", "an empty part"),
    ("model=digits,model=digits", "a dimension twice"),
    ("model=digits,colour=red", "an unknown dimension"),
    ("model=digits,segment.=x", "a segment without a name"),
    ("Model=digits", "names are written in lower case"),
    ("model=digits,version=2.*", "a star inside a value is no pattern"),
    ("model=100%", "a percent sign that escapes nothing"),
    ("model=%zz", "a percent sign that escapes nothing"),
    ("model=%ff", "not UTF-8"),
    ("model=%ED%A0%80", "half a surrogate pair"),
]

# Time, width, start of its window.
ALIGNED = [
    (NOON, MINUTE, NOON),
    (NOON - 1, MINUTE, NOON - MINUTE),
    (NOON + 1, MINUTE, NOON),
    (NOON + MINUTE - 1, MINUTE, NOON),
    (NOON + 61_500_000_000, 5_000_000_000, NOON + 60_000_000_000),
    (NOON + 301_000_000_000, 300_000_000_000, NOON + 300_000_000_000),
    (NOON + 7_200_000_000_000, 86_400_000_000_000, NOON - 43_200_000_000_000),
    (0, MINUTE, 0),
    (-1, MINUTE, -MINUTE),
    (-MINUTE, MINUTE, -MINUTE),
    (-MINUTE - 1, MINUTE, -2 * MINUTE),
    (7, 1, 7),
]
# Windows as they came, where the chain is said to end, its holes.
CHAINS: list[tuple[list[list[int]], int | None, list[list[int]]]] = [
    ([], None, []),
    ([], 60, []),
    ([[0, 60]], None, []),
    ([[0, 60], [60, 120], [120, 180]], 180, []),
    ([[120, 180], [0, 60]], None, [[60, 120]]),
    ([[0, 60], [60, 85], [85, 120]], None, []),
    ([[0, 60], [60, 120], [60, 120]], None, []),
    ([[0, 60], [180, 240], [300, 360]], 420, [[60, 180], [240, 300], [360, 420]]),
    ([[0, 180], [60, 120], [180, 240]], None, []),
    ([[-120, -60], [0, 60]], 60, [[-60, 0]]),
]
# Intervals seen, numbers that arrive, which are new, intervals then, the last number, what is missing.
SEQUENCES: list[tuple[list[list[int]], list[int], list[bool], list[list[int]], int, list[list[int]]]] = [
    ([], [1, 2, 3], [True, True, True], [[1, 3]], 3, []),
    ([[1, 3]], [3, 4, 4, 2], [False, True, False, False], [[1, 4]], 4, []),
    ([[1, 3]], [7, 5], [True, True], [[1, 3], [5, 5], [7, 7]], 9, [[4, 4], [6, 6], [8, 9]]),
    ([[1, 3], [5, 7]], [4], [True], [[1, 7]], 7, []),
    ([[2, 2]], [], [], [[2, 2]], 3, [[1, 1], [3, 3]]),
    ([], [], [], [], 2, [[1, 2]]),
    ([[10, 20]], [9, 21, 15], [True, True, False], [[9, 21]], 21, [[1, 8]]),
    (
        [],
        [9223372036854775807, 1],
        [True, True],
        [[1, 1], [9223372036854775807, 9223372036854775807]],
        3,
        [[2, 3]],
    ),
]
