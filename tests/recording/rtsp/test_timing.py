"""Times: in which order pictures are decoded, and where sound belongs."""

import itertools
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.hikvision_nvr.recording.rtsp.ordering import DecodeOrder, depth
from custom_components.hikvision_nvr.recording.rtsp.rtp import SenderReport, Unwrapper
from custom_components.hikvision_nvr.recording.rtsp.timing import Alignment

STEP = 3600


def ordered(times: list[int], *, interval: float = 0.04) -> list[tuple[int, int]]:
    got: list[tuple[int, int]] = []
    order = DecodeOrder(lambda units, decode, present, _: got.append((decode, present)))
    for number, time in enumerate(times):
        order.add([b"unit"], time, 100 + number * interval)
    order.finish()
    return got


def coded(pattern: str, groups: int) -> list[int]:
    """Return presentation times in the order of coding: a B is shown before its P."""
    times: list[int] = []
    shown = 0
    for _ in range(groups):
        between = pattern.count("B")
        times.append((shown + between) * STEP)
        times += [(shown + number) * STEP for number in range(between)]
        shown += between + 1
    return times


def test_without_b_frames_a_picture_is_decoded_when_it_is_shown() -> None:
    times = [7 + STEP * number for number in range(100)]
    assert ordered(times) == [(time, time) for time in times]


@pytest.mark.parametrize("pattern", ["PB", "PBB", "PBBB"])
def test_b_frames_are_decoded_in_their_order_and_shown_in_theirs(pattern: str) -> None:
    times = [0, *(STEP + time for time in coded(pattern, 40))]
    got = ordered(times)
    assert [present for _, present in got] == times
    decodes = [decode for decode, _ in got]
    assert all(after > before for before, after in itertools.pairwise(decodes))
    assert all(decode <= present for decode, present in got)
    # At an even pace, but for the beginning.
    assert {b - a for a, b in itertools.pairwise(decodes)} == {STEP}


@given(
    st.permutations(range(5)),
    st.integers(1, 20),
    st.integers(0, 1 << 33),
    st.sampled_from([0.001, 0.04, 0.5]),
)
def test_any_order_has_decode_times(
    group: list[int], count: int, start: int, interval: float
) -> None:
    times = [
        start + STEP * (5 * number + place)
        for number in range(count)
        for place in group
    ]
    got = ordered(times, interval=interval)
    assert [present for _, present in got] == times
    decodes = [decode for decode, _ in got]
    assert all(after > before for before, after in itertools.pairwise(decodes))
    if interval < 0.1 and len(times) >= 10:
        assert all(decode <= present for decode, present in got)


def test_b_frames_that_begin_later_are_no_step_of_the_clock() -> None:
    plain = [STEP * number for number in range(30)]
    times = plain + [30 * STEP + time for time in coded("PBB", 30)]
    got = ordered(times)
    assert [present for _, present in got] == times
    decodes = [decode for decode, _ in got]
    assert all(after > before for before, after in itertools.pairwise(decodes))
    assert all(decode <= present for decode, present in got[-60:])


@pytest.mark.parametrize("jump", [3600 * 90_000, -3600 * 90_000, -5 * 90_000])
@pytest.mark.parametrize("after", [3, 40])
def test_a_clock_that_is_set_is_passed_on_as_it_is(jump: int, after: int) -> None:
    times = [(1 << 33) + STEP * number for number in range(after)]
    times += [times[-1] + jump + STEP * number for number in range(40)]
    assert ordered(times) == [(time, time) for time in times]


def test_pictures_with_one_and_the_same_time_stay_apart() -> None:
    got = ordered([STEP] * 30)
    decodes = [decode for decode, _ in got]
    assert decodes == sorted(set(decodes))


@given(st.lists(st.integers(0, 20), max_size=20))
def test_depth_is_how_many_overtake(times: list[int]) -> None:
    expected = max(
        (
            sum(other > one for other in times[:place])
            for place, one in enumerate(times)
        ),
        default=0,
    )
    assert depth(times) == expected


class Camera:
    """Sends sound and pictures; the sound's clock begins elsewhere and may run off."""

    def __init__(self, *, offset: float = 1000.0, drift: float = 0.0) -> None:
        self.alignment = Alignment(90_000, 8000)
        self.offset = offset
        self.drift = drift
        self.video = Unwrapper()
        self.audio = Unwrapper()

    def sound(self, now: float) -> int:
        return round((now * (1 + self.drift) + self.offset) * 8000)

    def send(self, begin: float, end: float, delay: Any = lambda _: 0.0) -> float:
        """Send from second to second; return how far off the last sound was."""
        off = 0.0
        for tick in range(round(begin * 50), round(end * 50)):
            now = tick / 50
            self.alignment.video(
                self.video.extend(round(now * 90_000)), now + delay(tick)
            )
            present = self.alignment.audio(self.audio.extend(self.sound(now)), now)
            assert present is not None
            off = present / 90_000 - now
        return off

    def report(self, now: float, *, wrong: float = 0.0) -> None:
        for audio in (False, True):
            rtp = self.sound(now) if audio else round(now * 90_000)
            wall = 3.9e9 + now + (wrong if audio else 0.0)
            clock = self.audio if audio else self.video
            report = SenderReport(wall, rtp & 0xFFFFFFFF)
            self.alignment.reported(report, clock, audio=audio)


def test_sound_before_the_first_picture_belongs_nowhere() -> None:
    assert Alignment(90_000, 8000).audio(0, 1.0) is None


def test_without_any_word_of_the_camera_arrival_counts() -> None:
    assert abs(Camera().send(100, 101)) < 0.02


def test_what_the_reply_to_play_says_counts_more_than_arrival() -> None:
    camera = Camera()
    # All pictures come half a second late; RTP-Info knows better.
    camera.alignment.started(100 * 90_000, camera.sound(100))
    assert abs(camera.send(100, 102, lambda _: 0.5)) < 0.02


@pytest.mark.parametrize("wrong", [30.0, -5.0])
def test_an_answer_to_play_that_cannot_be_is_not_believed(wrong: float) -> None:
    camera = Camera()
    camera.alignment.started(100 * 90_000, camera.sound(100 + wrong))
    assert abs(camera.send(100, 101)) < 0.02


def test_sender_reports_count_most() -> None:
    camera = Camera()
    assert camera.send(100, 101, lambda _: 0.4) == pytest.approx(-0.4, abs=0.5)
    camera.report(101)
    assert abs(camera.send(101, 102, lambda _: 0.4)) < 0.02
    # And they follow a clock that runs off.
    camera.drift = 0.001
    camera.report(110)
    assert abs(camera.send(110, 111)) < 0.02


def test_reports_with_two_clocks_are_not_believed() -> None:
    camera = Camera()
    camera.send(100, 101)
    camera.report(101, wrong=3600)
    assert abs(camera.send(101, 102)) < 0.02


def test_a_quartz_that_is_off_is_followed_without_any_report() -> None:
    """500 ppm are 1.8 seconds in an hour."""
    camera = Camera(drift=0.0005)
    assert abs(camera.send(0, 3600, lambda tick: tick % 10 / 50)) < 0.3


def test_a_step_of_the_pictures_clock_takes_the_sound_along() -> None:
    camera = Camera()
    camera.send(100, 101)
    now = 101.0
    step = 5000.0
    camera.alignment.video(camera.video.extend(round((now + step) * 90_000)), now)
    present = camera.alignment.audio(camera.audio.extend(camera.sound(now)), now)
    assert present is not None
    assert present / 90_000 == pytest.approx(now + step, abs=0.05)
