"""File names that cameras were seen to send, and what they say.

Where an example comes from stands beside it: "seen" in public code or a thread,
"documented" in a manual, "formed" by a rule of which no real name is known.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
import time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.hikvision_nvr.model import (
    Brand,
    CaptureKind,
    DetectionType,
    Sighting,
)
from custom_components.hikvision_nvr.receiver.file_names import (
    DETECTION_WORDS,
    TemplateError,
    compile_template,
    is_connection_test,
    read_file_name,
)

BERLIN = ZoneInfo("Europe/Berlin")
ARRIVED = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)

MOTION, OTHER = DetectionType.MOTION, DetectionType.OTHER


def read(path: str, brand: Brand = Brand.AUTO, template: str | None = None) -> Sighting:
    return read_file_name(
        path, brand=brand, arrived=ARRIVED, time_zone=UTC, template=template
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Example(NamedTuple):
    path: str
    type: DetectionType | None
    raw_type: str | None
    channel: str | None
    time: str | None
    plate: str | None = None


HIKVISION = [
    # 1, seen
    Example(
        "/crk04-ctv-002/20150619/192.168.88.67_01_20150619045313183_TIMING.jpg",
        None,
        "TIMING",
        "01",
        "2015-06-19T04:53:13.183",
    ),
    # 2, seen
    Example(
        "10.55.48.12_01_20250519124208101_MOTION_DETECTION.jpg",
        MOTION,
        "MOTION_DETECTION",
        "01",
        "2025-05-19T12:42:08.101",
    ),
    # 3, seen
    Example(
        "192.168.0.65_01_20210224210928654_MOTION_DETECTION.jpg",
        MOTION,
        "MOTION_DETECTION",
        "01",
        "2021-02-24T21:09:28.654",
    ),
    # 4, seen
    Example(
        "hlxx/00000005/192.168.1.64_01_20180329140546219_ALARM_INPUT.jpg",
        DetectionType.ALARM_INPUT,
        "ALARM_INPUT",
        "01",
        "2018-03-29T14:05:46.219",
    ),
    # 5, seen
    Example(
        "192.168.43.74_01_20210720173322698_FACE_DETECTION.jpg",
        DetectionType.FACE,
        "FACE_DETECTION",
        "01",
        "2021-07-20T17:33:22.698",
    ),
    # 6, seen, in both cases
    Example(
        "192.168.10.11_01_20211223100318344_VEHICLE_DETECTION.jpg",
        DetectionType.VEHICLE,
        "VEHICLE_DETECTION",
        "01",
        "2021-12-23T10:03:18.344",
    ),
    Example(
        "192.168.10.11_01_20211223100318344_vehicle_detection.JPG",
        DetectionType.VEHICLE,
        "vehicle_detection",
        "01",
        "2021-12-23T10:03:18.344",
    ),
    # 7, seen
    Example(
        "20241230152519495_N74DYX_VEHICLE_DETECTION.jpg",
        DetectionType.VEHICLE,
        "VEHICLE_DETECTION",
        None,
        "2024-12-30T15:25:19.495",
        "N74DYX",
    ),
    Example(
        "/ftp/Driveway/20260108141528320_J23TST_VEHICLE_DETECTION.jpg",
        DetectionType.VEHICLE,
        "VEHICLE_DETECTION",
        None,
        "2026-01-08T14:15:28.320",
        "J23TST",
    ),
    # 8, seen
    Example(
        "20230528185610943_TIMING.jpg",
        None,
        "TIMING",
        None,
        "2023-05-28T18:56:10.943",
    ),
    # 9, seen
    Example("current_TIMING.jpg", None, "TIMING", None, None),
    # 10, seen: two digits of milliseconds are 49 ms, not 490; a number counts files
    Example(
        "192.168.1.64_01_2017010610415349.jpg",
        OTHER,
        None,
        "01",
        "2017-01-06T10:41:53.049",
    ),
    Example(
        "192.168.1.64_01_2020042316591478.mp4",
        OTHER,
        None,
        "01",
        "2020-04-23T16:59:14.078",
    ),
    Example(
        "192.168.1.64_01_2026031014325577.mp4",
        OTHER,
        None,
        "01",
        "2026-03-10T14:32:55.077",
    ),
    Example(
        "192.168.1.64_01_20251114132542233_1.mp4",
        OTHER,
        None,
        "01",
        "2025-11-14T13:25:42.233",
    ),
    # 11, seen
    Example(
        "DVR/Camera 01/192.168.1.64_01_20260927140311123_TIMING.jpg",
        None,
        "TIMING",
        "01",
        "2026-09-27T14:03:11.123",
    ),
    # 12, formed
    Example(
        "20260927140311_CALL_192.168.1.70.jpg",
        OTHER,
        "CALL",
        None,
        "2026-09-27T14:03:11",
    ),
    Example(
        "20260927140311123_MOTION_DETECTION_192.168.1.70.jpg",
        MOTION,
        "MOTION_DETECTION",
        None,
        "2026-09-27T14:03:11.123",
    ),
    # 13, formed
    Example(
        "--fe80--be51-feff-fe12-3456_01_20260927140311123_MOTION_DETECTION.jpg",
        MOTION,
        "MOTION_DETECTION",
        "01",
        "2026-09-27T14:03:11.123",
    ),
    Example(
        "2001-db8-0-0-be51-feff-fe12-3456_02_20260927140311123_TIMING.jpg",
        None,
        "TIMING",
        "02",
        "2026-09-27T14:03:11.123",
    ),
    # 14, formed
    Example(
        "gate/3/Approach_20260927140311123_AB12CDE_PLATE.jpg",
        DetectionType.VEHICLE,
        "PLATE",
        "3",
        "2026-09-27T14:03:11.123",
        "AB12CDE",
    ),
    Example(
        "Approach_20260927140311_浙A12345_PLATE.jpg",
        DetectionType.VEHICLE,
        "PLATE",
        None,
        "2026-09-27T14:03:11",
        "浙A12345",
    ),
    # 15, seen
    Example(
        "4_192.168.0.64_01_20190306121007711_MOTION_DETECTION.jpg",
        MOTION,
        "MOTION_DETECTION",
        "01",
        "2019-03-06T12:10:07.711",
    ),
    # With a picture name prefix and the serial number, seen
    Example(
        "gg_733804851_20190319124752348_MOTION_DETECTION.jpg",
        MOTION,
        "MOTION_DETECTION",
        None,
        "2019-03-19T12:47:52.348",
    ),
    Example(
        "下站_AG3749139_20260708172229945_LINE_CROSSING_DETECTION.jpg",
        DetectionType.LINE_CROSSING,
        "LINE_CROSSING_DETECTION",
        None,
        "2026-07-08T17:22:29.945",
    ),
    # A word that is in no table, seen
    Example(
        "154/172.20.39.15_01_20200624140213876_MEASURE_TEMP_ALARM_DETECTION.jpg",
        OTHER,
        "MEASURE_TEMP_ALARM_DETECTION",
        "01",
        "2020-06-24T14:02:13.876",
    ),
    # Found again on the disk, where the store had numbered it
    Example(
        "192.168.0.65_01_20210224210928654_MOTION_DETECTION~2.jpg",
        MOTION,
        "MOTION_DETECTION",
        "01",
        "2021-02-24T21:09:28.654",
    ),
]

DAHUA = [
    # All seen
    Example(
        "/cam/4H05C95PAA07D83/2018-07-25/001/jpg/09/50/04[M][0@0][0].jpg",
        MOTION, "M", "001", "2018-07-25T09:50:04",
    ),
    Example(
        "FTP/120/AMC0028V_795UUB/2018-08-24/001/jpg/22/27/22[M][0@0][0].jpg",
        MOTION, "M", "001", "2018-08-24T22:27:22",
    ),
    Example(
        "2023-09-04/001/jpg/13/28.47[M][0@0][0].jpg",
        MOTION, "M", "001", "2023-09-04T13:28:47",
    ),
    Example(
        "2019-05-09/001/dav/08/08.00.00-08.05.00[R][0@0][0].dav",
        None, "R", "001", "2019-05-09T08:00:00",
    ),
    Example(
        "2019-05-09/001/dav/21/21.04.49-21.05.14[M][0@0][0].mp4",
        MOTION, "M", "001", "2019-05-09T21:04:49",
    ),
    Example(
        "/IPC-HFW5238M/4H05C95PAA07D83/4H05C95PAA07D83/2018-10-17/pic_001/"
        "15.39.01[R][0@0][0].jpg",
        None, "R", "001", "2018-10-17T15:39:01",
    ),
    Example(
        "/media/nvr/BackYard/2015-04-11/001/dav/03/03.28.59-03.29.26[M][0@0][0].dav",
        MOTION, "M", "001", "2015-04-11T03:28:59",
    ),
    Example(
        "/mnt/dvr/2026-08-28/0/dav/00/0/1/98673/00.14.57-00.15.31[M][0@0][0].dav",
        MOTION, "M", "0", "2026-08-28T00:14:57",
    ),
    Example(
        "4L0AAA9PAG0A879/Snapshot/2019-06-12_001_12.59.55-12.59.55[R][0@0][0].jpg",
        None, "R", "001", "2019-06-12T12:59:55",
    ),
    Example(
        "001_20250107164038_[M][0@0][0].jpg",
        MOTION, "M", "001", "2025-01-07T16:40:38",
    ),
    Example(
        "001_20230818062050_[R][0@0][0].jpg",
        None, "R", "001", "2023-08-18T06:20:50",
    ),
    Example(
        "10.00.00-10.00.30[A][0@0][0].dav", DetectionType.ALARM_INPUT, "A", None, None
    ),
    Example("10.00.00-10.00.30[I][0@0][0].dav", OTHER, "I", None, None),
    Example(
        "NVR_ch1_main_20230619064223_20230619064228.dav",
        OTHER, None, "1", "2023-06-19T06:42:23",
    ),
    # Formed: the folders of the first with the letter of an alarm input
    Example(
        "\\SN\\2018-07-25\\002\\jpg\\09\\50\\04[A][0@0][0].jpg",
        DetectionType.ALARM_INPUT, "A", "002", "2018-07-25T09:50:04",
    ),
]  # fmt: skip

REOLINK = [
    # Seen
    Example(
        "2026/03/23/garage-01_00_20260323182654.mp4",
        MOTION, None, "00", "2026-03-23T18:26:54",
    ),
    Example(
        "REO_01_20230115120000.mp4", MOTION, None, "01", "2023-01-15T12:00:00"
    ),
    # Formed: the name of a camera is anything
    Example(
        "Front Door_2_01_20230115120000.jpg", MOTION, None, "01", "2023-01-15T12:00:00"
    ),
]  # fmt: skip

TVT = [
    # Documented
    Example(
        "\\00-18-ae-a8-da-2a\\VFD\\2021-01-09\\14\\VFD_2021-01-09-14-05-06-123_001.jpg",
        DetectionType.FACE, "VFD", None, "2021-01-09T14:05:06.123",
    ),
    Example(
        "MOTION_2021-01-09-14-05-06-007_001.jpg",
        MOTION, "MOTION", None, "2021-01-09T14:05:06.007",
    ),
    Example(
        "TRIPWIRE_2021-01-09-14-05-06-007_001.jpg",
        DetectionType.LINE_CROSSING, "TRIPWIRE", None, "2021-01-09T14:05:06.007",
    ),
    Example(
        "VEHICE_2021-01-09-14-05-06-007_001.jpg",
        DetectionType.VEHICLE, "VEHICE", None, "2021-01-09T14:05:06.007",
    ),
    Example(
        "SDFULL_2021-01-09-14-05-06-007_001.jpg",
        None, "SDFULL", None, "2021-01-09T14:05:06.007",
    ),
    # Formed: the documented folders with another name in them
    Example(
        "/00-18-ae-a8-da-2a/PERIMETER/2021-01-09/14/14.05.06.jpg",
        DetectionType.INTRUSION, "PERIMETER", None, "2021-01-09T14:05:06",
    ),
]  # fmt: skip

AXIS = [
    # Formed by the documented rule
    Example("image26-02-09_12-34-56-78_0.jpg", OTHER, None, None, "2026-02-09T12:34:56.780"),
    Example("cam/image26-02-09_12-34-56-78.jpg", OTHER, None, None, "2026-02-09T12:34:56.780"),
]  # fmt: skip

VIVOTEK = [
    # Documented, with a prefix put in
    Example("Door_20150107180653_1_pre.jpg", OTHER, None, None, "2015-01-07T18:06:53"),
    Example("Door_20150107180659_4_trg.jpg", OTHER, None, None, "2015-01-07T18:06:59"),
    Example("Door_20150107180700_5_pos.jpg", OTHER, None, None, "2015-01-07T18:07:00"),
    # Formed by the documented rule
    Example("0002D1730202_20210109_140506_1.jpg", OTHER, None, "1", "2021-01-09T14:05:06"),
    Example("00-02-D1-73-02-02_2021-01-09_14-05-06_2_1.jpg", OTHER, None, "2", "2021-01-09T14:05:06"),
]  # fmt: skip

NOBODYS = [
    # Row 3, seen
    Example(
        "192.168.0.67_20210207230537_20210224_220227_0.mp4",
        OTHER, None, None, "2021-02-24T22:02:27",
    ),
    # Yi, seen in threads
    Example(
        "yi/2024Y06M01D14H/22M37S23.mp4", OTHER, None, None, "2024-06-01T14:22:37"
    ),
    Example(
        "2024Y06M01D14H/E122M37S23.mp4", OTHER, None, None, "2024-06-01T14:22:37"
    ),
    # Foscam, seen
    Example(
        "snap/MDAlarm_20180807-135928.jpg",
        MOTION, "MDAlarm", None, "2018-08-07T13:59:28",
    ),
    # ACTi, documented
    Example(
        "Front_Door_2019_10_12@195037.JPG", OTHER, None, None, "2019-10-12T19:50:37"
    ),
    # Thread of motionEye: what cheap cameras send
    Example(
        "cam/2019-06-27/test-13-14-15.jpg", OTHER, None, None, "2019-06-27T13:14:15"
    ),
    # Formed
    Example("2026/09/27/14.03.11.jpg", OTHER, None, None, "2026-09-27T14:03:11"),
    # Six digits may as well count files.
    Example("2026/09/27/000123.jpg", OTHER, None, None, None),
    Example("whatever.jpg", OTHER, None, None, None),
    Example("garage_motion.jpg", MOTION, "motion", None, None),
]  # fmt: skip

# Names that others have too: read so only where the brand was chosen.
CHOSEN = [
    (Brand.HIKVISION, Example("20260927140311123_SOMETHING_NEW.jpg", OTHER, "SOMETHING_NEW", None, "2026-09-27T14:03:11.123")),
    (Brand.HIKVISION, Example("Yard_20260927140311.jpg", OTHER, None, None, "2026-09-27T14:03:11")),
    # Documented
    (Brand.UNIVIEW, Example("192.168.1.13_1_20240115093001250.jpg", OTHER, None, "1", "2024-01-15T09:30:01.250")),
    (Brand.AXIS, Example("yard-2026-02-09_12-34-56.jpg", OTHER, None, None, "2026-02-09T12:34:56")),
    (Brand.AXIS, Example("26-02-09_12-34-56-123.jpg", OTHER, None, None, "2026-02-09T12:34:56.123")),
    # Documented
    (Brand.VIVOTEK, Example("Door_20150107175903.jpg", None, None, None, "2015-01-07T17:59:03")),
]  # fmt: skip

TABLES: list[tuple[Brand | None, list[Example]]] = [
    (Brand.HIKVISION, HIKVISION),
    (Brand.DAHUA, DAHUA),
    (Brand.REOLINK, REOLINK),
    (Brand.TVT, TVT),
    (Brand.AXIS, AXIS),
    (Brand.VIVOTEK, VIVOTEK),
    (None, NOBODYS),
]
ALL = [(brand, example) for brand, table in TABLES for example in table]


def check(sighting: Sighting, example: Example, brand: Brand | None) -> None:
    when = None if example.time is None else at(example.time)
    assert sighting == Sighting(
        kind=sighting.kind,
        type=example.type,
        raw_type=example.raw_type,
        channel=example.channel,
        event_time=when or ARRIVED,
        plate=example.plate,
        brand=brand,
        name_time=when,
    )
    assert sighting.kind is not CaptureKind.OTHER


@pytest.mark.parametrize(("brand", "example"), ALL)
def test_brand_is_recognised(brand: Brand | None, example: Example) -> None:
    check(read(example.path), example, brand)


@pytest.mark.parametrize(
    ("brand", "example"),
    [(brand, example) for brand, example in ALL if brand is not None] + CHOSEN,
)
def test_chosen_brand(brand: Brand, example: Example) -> None:
    check(read(example.path, brand), example, brand)


@pytest.mark.parametrize(("brand", "example"), CHOSEN)
def test_names_that_others_have_too_are_not_taken_for_a_brand(
    brand: Brand, example: Example
) -> None:
    sighting = read(example.path)
    assert sighting.brand is not brand
    if "26-" not in example.path[:3]:
        # Whoever it is, the time is read; but not a year that may as well be a day.
        assert sighting.name_time == at(example.time or "")


def test_a_picture_of_a_schedule_is_taken_for_one_only_where_that_is_sure() -> None:
    name = "Door_20150107175903.jpg"
    assert read(name, Brand.VIVOTEK).type is None
    assert read(name).type is OTHER


def test_chosen_brand_still_reads_times_of_other_names() -> None:
    sighting = read("Yard 2026-09-27 14.03.11_motion.jpg", Brand.DAHUA)
    assert sighting.event_time == at("2026-09-27T14:03:11")
    assert sighting.type is MOTION
    assert sighting.brand is None


def test_every_word_is_read() -> None:
    for word, detection_type in DETECTION_WORDS.items():
        sighting = read(f"192.168.1.64_01_20260927140311123_{word}.jpg")
        assert (sighting.type, sighting.raw_type) == (detection_type, word)


@pytest.mark.parametrize(
    ("time", "name_time"),
    [
        ("19700224010203004", at("1970-02-24T01:02:03.004")),
        ("20991231235959000", at("2099-12-31T23:59:59")),
        ("20261399995959000", None),
        ("00000000000000", None),
        ("99991231235959999", at("9999-12-31T23:59:59.999")),
    ],
)
def test_clock_that_cannot_be_right_gives_the_arrival(
    time: str, name_time: datetime | None
) -> None:
    sighting = read(f"192.168.1.64_01_{time}_MOTION_DETECTION.jpg")
    assert sighting.event_time == ARRIVED
    assert sighting.name_time == name_time


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        ("2026-10-25T00:31:00", "2026-10-25T00:30:00"),
        ("2026-10-25T01:31:00", "2026-10-25T01:30:00"),
    ],
)
def test_repeated_hour_is_the_one_of_the_arrival(arrived: str, expected: str) -> None:
    sighting = read_file_name(
        "20261025023000000_TIMING.jpg",
        brand=Brand.AUTO,
        arrived=at(arrived),
        time_zone=BERLIN,
    )
    assert sighting.event_time == at(expected)


def test_camera_has_its_own_zone() -> None:
    sighting = read_file_name(
        "192.168.1.64_01_20260927140311123_TIMING.jpg",
        brand=Brand.AUTO,
        arrived=ARRIVED,
        time_zone=BERLIN,
    )
    assert sighting.event_time == at("2026-09-27T12:03:11.123")


def test_name_of_a_plain_camera_is_not_read() -> None:
    sighting = read("20230528185610943_TIMING.jpg", Brand.OTHER)
    assert sighting.type is MOTION
    assert sighting.event_time == ARRIVED
    assert sighting.brand is sighting.name_time is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", CaptureKind.SNAPSHOT),
        ("a.JPEG", CaptureKind.SNAPSHOT),
        ("a.mp4", CaptureKind.CLIP),
        ("a.dav", CaptureKind.CLIP),
        ("a.idx", CaptureKind.OTHER),
        ("DVRWorkDirectory", CaptureKind.OTHER),
        (".jpg", CaptureKind.OTHER),
        ("", CaptureKind.OTHER),
    ],
)
def test_kind(name: str, kind: CaptureKind) -> None:
    assert read(name).kind is kind


@pytest.mark.parametrize("brand", Brand)
def test_index_file_is_no_detection(brand: Brand) -> None:
    for name in (
        "192.168.1.64_01_20260927140311123_MOTION_DETECTION.idx",
        "2019-05-09/001/dav/08/08.00.00-08.05.00[M][0@0][0].idx",
    ):
        assert read(name, brand).type is None


# --- templates -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        (
            "{any}_{date}{time}_{event}",
            "Front_Door_20260927140311_MOTION_DETECTION.jpg",
            Example("", MOTION, "MOTION_DETECTION", None, "2026-09-27T14:03:11"),
        ),
        # The extension may be written and is not read.
        (
            "{any}_{date}{time}_{event}.{ext}",
            "Yard_20260927140311_timing.JPG",
            Example("", None, "timing", None, "2026-09-27T14:03:11"),
        ),
        (
            "cam{channel}.{date}-{time}.{ms}.jpg",
            "cam2.20260927-140311.45.jpg",
            Example("", MOTION, None, "2", "2026-09-27T14:03:11.045"),
        ),
        # Folders before those of the template may be anything.
        (
            "\\{channel}\\{year2}-{month}-{day}\\{hour}h{minute}\\{any}",
            "a/b/7/26-09-27/14h03/000001.jpg",
            Example("", MOTION, None, "7", "2026-09-27T14:03:00"),
        ),
        (
            "[{{{event}}}]({plate}) {date} {time}*",
            "x/[{VEHICLE}](浙A12345) 20260927 140311*.jpg",
            Example("", DetectionType.VEHICLE, "VEHICLE", None, "2026-09-27T14:03:11", "浙A12345"),
        ),
        # {any} takes as little as it can.
        (
            "{any}_{channel}_{event}",
            "yard_01_MOTION_DETECTION.jpg",
            Example("", MOTION, "MOTION_DETECTION", "01", None),
        ),
    ],
)  # fmt: skip
def test_template(template: str, path: str, expected: Example) -> None:
    check(read(path, Brand.TEMPLATE, template), expected, Brand.TEMPLATE)


@pytest.mark.parametrize(
    ("template", "reason", "placeholder"),
    [
        ("", "empty", None),
        (" / ", "empty", None),
        (".jpg", "empty", None),
        ("x" * 256 + "{event}", "too_long", None),
        ("{date", "braces", None),
        ("date}", "braces", None),
        ("{da/te}", "braces", None),
        ("{}", "unknown_placeholder", ""),
        ("{camera}_{date}{time}", "unknown_placeholder", "camera"),
        ("{date:YYYYMMDD}{time}", "unknown_placeholder", "date:YYYYMMDD"),
        ("{date!r}{time}", "unknown_placeholder", "date!r"),
        ("{0.__class__}", "unknown_placeholder", "0.__class__"),
        ("{date}{time}_{day}", "repeated", "day"),
        ("{date}{time}{year2}", "repeated", "year2"),
        ("{event}/{event}", "repeated", "event"),
        ("{any}{event}", "touching", "event"),
        ("{any}{any}", "touching", "any"),
        ("{any}_{any}_{any}_{any}_{event}", "too_free", None),
        ("{date}_{event}", "incomplete_time", None),
        ("{time}_{event}", "incomplete_time", None),
        ("{ms}_{event}", "incomplete_time", None),
        ("{any}", "says_nothing", None),
        ("snapshot", "says_nothing", None),
    ],
)
def test_bad_template(template: str, reason: str, placeholder: str | None) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(template)
    assert isinstance(caught.value, ValueError)
    assert caught.value.reason == reason
    assert caught.value.placeholders.get("placeholder") == placeholder
    assert str(caught.value)


@pytest.mark.parametrize("template", [None, "", "{nonsense", "{event}-{date}-{time}"])
def test_template_that_does_not_fit_loses_no_time(template: str | None) -> None:
    sighting = read("Yard 2026-09-27 14.03.11.jpg", Brand.TEMPLATE, template)
    assert sighting.event_time == at("2026-09-27T14:03:11")
    assert sighting.brand is None


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{any}_{any}_{event}_", "_" * 250),
        ("{any}a{any}a{any}{date}{time}", "a" * 250),
        ("{any}a{any}a{plate}", "a" * 250),
        ("{any}_{event}_{channel}_{plate}!", "_a" * 125),
        ("{any}a{any}a{event}", "a" * 250 + "!"),
        ("{any}a{any}a{any}b/{any}a{any}a{any}b/{date}{time}", "a" * 250),
        ("{any}a{any}a{any}b/{any}a{any}a{any}b/{date}{time}", "/".join(["a" * 200] * 20)),
    ],
)  # fmt: skip
def test_worst_template_has_its_limit(template: str, text: str) -> None:
    compile_template(template)
    began = time.process_time()
    read(text + ".jpg", Brand.TEMPLATE, template)
    assert time.process_time() - began < 0.5


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_text_is_a_template_or_an_error_of_one(template: str, path: str) -> None:
    with suppress(TemplateError):
        compile_template(template)
    read(path, Brand.TEMPLATE, template)


@given(
    st.lists(
        st.sampled_from(
            ["{any}", "{event}", "{channel}", "{plate}", "{date}", "{time}", "{ms}",
             "{year}", "{month}", "{day}", "{{", "}}", "_", "-", "/", ".", "x", "(", "*"]
        ),
        max_size=12,
    ).map("".join),
    st.text(alphabet="ax_-/.0129(*", max_size=300),
)  # fmt: skip
def test_templates_of_placeholders(template: str, path: str) -> None:
    try:
        compile_template(template)
    except TemplateError:
        return
    began = time.process_time()
    read(path, Brand.TEMPLATE, template)
    assert time.process_time() - began < 0.5


# --- connection tests ------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "size"),
    [
        # Seen: the folder of Reolink's test; what is in it is not known.
        ("//camera_test20190222080904/x.txt", 12),
        ("camera_test20190222080904/x", 0),
        # Formed
        ("test.txt", 4),
        ("/folder/TEST", 0),
        ("testftp.txt", 20),
        ("ftptest123456.tmp", 20),
        ("ftp_test.txt", 1024),
        ("test_20260927140311.txt", 9),
    ],
)
def test_test_button(path: str, size: int) -> None:
    assert is_connection_test(path, size)


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("test.jpg", 10),
        ("test.jpg", 200_000),
        ("cam/2019-06-27/test-131415.jpg", 100_000),
        ("camera_test20190222080904/picture.jpg", 200_000),
        ("camera_test20190222080904/2026/picture.jpg", 10),
        ("camera_testbed/picture.jpg", 10),
        ("test/picture.jpg", 10),
        ("test.txt", 1025),
        ("testimony.txt", 10),
        ("latest.txt", 10),
        ("DVRWorkDirectory", 0),
        ("", 0),
    ],
)
def test_what_is_no_test(path: str, size: int) -> None:
    assert not is_connection_test(path, size)


@pytest.mark.parametrize(("brand", "example"), ALL)
def test_no_picture_is_taken_for_a_test(brand: Brand | None, example: Example) -> None:
    assert not is_connection_test(example.path, 0)
    assert not is_connection_test(example.path, 20_000)


# --- whatever a client sends ------------------------------------------------------

ZONES: list[tzinfo] = [
    UTC,
    BERLIN,
    ZoneInfo("America/St_Johns"),
    ZoneInfo("Asia/Kathmandu"),
    timezone(timedelta(hours=14)),
    timezone(timedelta(hours=-23, minutes=-59)),
]
ANY_TEXT = st.text(st.characters(), max_size=300)
NAME_LIKE = st.lists(
    st.sampled_from(
        [
            "192.168.1.64", "01", "_", "-", "/", "\\", ".", "[M]", "[0@0][0]", " ",
            "20260927", "140311", "123", "99999999", "00000000", "10000101", "2026",
            "MOTION_DETECTION", "TIMING", "VEHICLE_DETECTION", "PLATE", "image", "pre",
            "--fe80", "pic_001", "2018-07-25", "09.50.04", "dav", "ch1_main", "jpg",
            "00-18-ae-a8-da-2a", "Y", "M", "D", "H", "S", "~1", "\n", "\0", "é", "٣",
        ]
    ),
    max_size=20,
).map("".join)  # fmt: skip
PATHS = st.builds(
    "{}{}".format,
    st.one_of(ANY_TEXT, NAME_LIKE, st.sampled_from([e.path for _, e in ALL])),
    st.sampled_from(["", ".jpg", ".mp4", ".idx"]),
)


@given(
    PATHS,
    st.sampled_from(Brand),
    st.sampled_from(ZONES),
    st.datetimes(
        min_value=datetime(2011, 1, 1),
        max_value=datetime(2090, 1, 1),
        timezones=st.just(UTC),
    ),
)
def test_any_path_is_read(
    path: str, brand: Brand, zone: tzinfo, arrived: datetime
) -> None:
    sighting = read_file_name(path, brand=brand, arrived=arrived, time_zone=zone)
    for moment in (sighting.event_time, sighting.name_time):
        assert moment is None or moment.utcoffset() == timedelta(0)
    assert sighting.event_time in {arrived, sighting.name_time}
    assert EARLIEST <= sighting.event_time <= arrived + timedelta(days=1)
    assert sighting.brand in {None, brand} or brand is Brand.AUTO
    if sighting.kind is CaptureKind.OTHER:
        assert sighting.type is None
    for text in (sighting.raw_type, sighting.channel, sighting.plate):
        assert text is None or (text and text in path and "/" not in text)
    is_connection_test(path, 0)


@given(st.one_of(ANY_TEXT, NAME_LIKE), st.integers(1_000, 10_000))
def test_long_names_take_no_longer(piece: str, length: int) -> None:
    path = (piece * length)[: length - 4] + ".jpg"
    began = time.process_time()
    for brand in (Brand.AUTO, Brand.HIKVISION, Brand.TVT):
        read(path, brand)
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    "piece",
    [
        "a", "_", "-", "/", "0", "1/", "a_", "0_", "a-", "1.1.1.1_", "20260927140311_",
        "2026-09-27/", "[M]", "[", "_20260927140311123_A", "A_DETECTION", "MOTION_",
        "00-18-ae-a8-da-2a/", "-_", "--", "f-", "2026", "2026-09-27/001/", "~1",
    ],
)  # fmt: skip
def test_hostile_names_take_no_longer(piece: str) -> None:
    for length in (255, 10_000, 1_000_000):
        path = (piece * (length // len(piece)))[:length] + "!.jpg"
        for brand in Brand:
            began = time.process_time()
            read(path, brand)
            is_connection_test(path, 1)
            assert time.process_time() - began < 0.1
