"""What becomes of frames: fragments, segments, runs and the wall clock of each."""

from pathlib import Path
import shutil
import threading
from typing import Any

import pytest

from custom_components.hikvision_nvr.errors import StorageMissingError
from custom_components.hikvision_nvr.model import GapReason
from custom_components.hikvision_nvr.recording import pipeline as pipeline_module
from custom_components.hikvision_nvr.store.mp4 import read_content
from custom_components.hikvision_nvr.store.segment import unpack_places

from .feeding import TICKS, WALL, Feeder, feeding
from .files import decode, packet_times, segment_files


@pytest.fixture
def clip(clips: Any) -> Path:
    return clips()  # type: ignore[no-any-return]


def test_segments_end_at_key_frames_and_follow_each_other(
    clip: Path, tmp_path: Path
) -> None:
    with feeding(clip, tmp_path) as feeder:
        feeder.feed(200)
        saved = feeder.end()
    starts = [one.info.start_us / 1e6 for one in saved]
    lengths = [one.ticks / 90_000 for one in saved]
    assert sum(lengths) == pytest.approx(200, abs=0.1)
    # The first ends at a minute, all others take one; a group has two seconds.
    assert all(58 <= length <= 62 for length in lengths[1:-1])
    for before, length, after in zip(starts, lengths, starts[1:], strict=False):
        assert after == pytest.approx(before + length, abs=0.05)
    assert starts[0] == pytest.approx(WALL, abs=0.1)
    assert {one.info.run for one in saved} == {saved[0].info.run}
    assert [one.info.sequence for one in saved] == list(range(len(saved)))
    assert len(feeder.told.begins) == 1
    assert feeder.told.until / 1e6 == pytest.approx(WALL + 200, abs=0.1)
    frames = 0
    for file, one in zip(segment_files(tmp_path), saved, strict=True):
        decoded = decode(file)
        frames += decoded.frames
        with file.open("rb") as content:
            read = read_content(content.fileno())
        # The index in the catalogue is that of the file, and it says what it is.
        assert list(read.fragments) == unpack_places(one.places)
        assert (read.ticks, read.size) == (one.ticks, file.stat().st_size)
        assert read.identity == one.info.identity()
    assert frames == 5000


def test_without_key_frames_a_segment_ends_all_the_same(
    clips: Any, tmp_path: Path
) -> None:
    clip = clips(seconds=20, key_interval=10_000)
    with feeding(clip, tmp_path) as feeder:
        units = feeder._units
        feeder.feed(0.04)
        # The key frame comes once; everything after it refers to it.
        feeder._units = units[1:]
        feeder._next = 0
        feeder.feed(320)
        saved = feeder.end()
    assert len(saved) == 2
    assert saved[0].ticks / 90_000 == pytest.approx(300, abs=3)
    assert not unpack_places(saved[1].places)[0].key


@pytest.mark.parametrize("jump", [-3600, -1, 0])
def test_times_that_do_not_grow_are_put_right(
    clip: Path, tmp_path: Path, jump: int
) -> None:
    """The first packets of a stream often come with the same time, or out of order."""
    with feeding(clip, tmp_path) as feeder:
        feeder.feed(1)
        feeder.feed(1, jump=jump - 3600)
        (saved,) = feeder.end()
    (file,) = segment_files(tmp_path)
    assert decode(file).frames == 50
    assert saved.ticks > 0


def test_a_picture_is_shown_when_it_was_to_be_whatever_its_decode_time(
    clip: Path, tmp_path: Path
) -> None:
    """FFmpeg's first decode times often stand still; those for showing are right."""
    # One picture that is shown late, and two that are decoded after it.
    order = [0, 3, 1, 2]
    shown = [group + place for group in range(0, 48, 4) for place in order]
    with feeding(clip, tmp_path) as feeder:
        for number, place in enumerate(shown):
            units = feeder._units[number]
            decode_time = -TICKS if number < 18 else (number - 1) * TICKS
            feeder.pipeline.video(units, decode_time, place * TICKS, feeder.clock.now)
            feeder.clock.now += TICKS / 90_000
        feeder.end()
    (file,) = segment_files(tmp_path)
    decodes, presents = packet_times(file)
    assert decodes == sorted(set(decodes))
    assert [time - presents[0] for time in presents] == [
        place * TICKS for place in shown
    ]


def test_no_picture_is_shown_before_it_is_decoded(clip: Path, tmp_path: Path) -> None:
    """A clock that steps back a little takes the times of both."""
    with feeding(clip, tmp_path) as feeder:
        feeder.feed(1)
        feeder.feed(1, jump=-10 * TICKS)
        feeder.end()
    (file,) = segment_files(tmp_path)
    decodes, presents = packet_times(file)
    assert len(presents) == 50
    assert presents == decodes == sorted(set(decodes))


@pytest.mark.parametrize("jump", [3600 * 90_000, -3600 * 90_000, -5 * 90_000, 1 << 33])
def test_a_jump_of_the_streams_clock_begins_a_new_run(
    clip: Path, tmp_path: Path, jump: int
) -> None:
    with feeding(clip, tmp_path) as feeder:
        feeder.feed(4)
        feeder.feed(4, jump=jump)
        saved = feeder.end()
    assert len({one.info.run for one in saved}) == 2
    assert [one.ticks for one in saved] == [4 * 90_000, 4 * 90_000]
    assert saved[1].info.start_us / 1e6 == pytest.approx(WALL + 4, abs=0.1)
    assert [decode(file).frames for file in segment_files(tmp_path)] == [100, 100]


@pytest.mark.parametrize("step", [3600.0, -3600.0, 5.0])
def test_a_step_of_the_wall_clock_begins_a_new_run_at_the_new_time(
    clip: Path, tmp_path: Path, step: float
) -> None:
    with feeding(clip, tmp_path) as feeder:
        feeder.feed(4)
        feeder.clock.offset += step
        feeder.feed(6)
        saved = feeder.end()
    assert len({one.info.run for one in saved}) == 2
    assert feeder.told.begins[-1][1] is GapReason.CLOCK
    begun = feeder.told.begins[-1][0] / 1e6
    assert begun == pytest.approx(WALL + step + 4, abs=2.1)
    # Not a frame is lost by it.
    assert sum(decode(file).frames for file in segment_files(tmp_path)) == 250


def test_a_clock_that_is_slowly_corrected_is_followed(
    clip: Path, tmp_path: Path
) -> None:
    with feeding(clip, tmp_path) as feeder:
        for _ in range(60):
            feeder.feed(4)
            feeder.clock.offset += 0.001
        saved = feeder.end()
    assert len({one.info.run for one in saved}) == 1
    last = saved[-1].info.start_us / 1e6
    assert last == pytest.approx(WALL + 240 - saved[-1].ticks / 90_000 + 0.06, abs=0.06)


def test_another_resolution_begins_a_new_file(
    clip: Path, clips: Any, tmp_path: Path
) -> None:
    with feeding(clip, tmp_path) as feeder:
        feeder.feed(4)
        feeder.change_clip(clips(size=(640, 360)))
        feeder.feed(4)
        feeder.end()
    assert [decode(file).size for file in segment_files(tmp_path)] == [
        (320, 240),
        (640, 360),
    ]


def test_what_comes_before_the_first_key_frame_is_left_out(
    clip: Path, tmp_path: Path
) -> None:
    with feeding(clip, tmp_path) as feeder:
        feeder._next = 10
        feeder.feed(6)
        feeder.end()
    (file,) = segment_files(tmp_path)
    assert decode(file).frames == 150 - 40


def test_the_time_before_a_detection_is_recorded_as_well(
    clip: Path, tmp_path: Path
) -> None:
    with feeding(clip, tmp_path) as feeder:
        feeder.wanted = False
        feeder.pipeline = feeder.new_pipeline(pre_roll=5)
        feeder.feed(60)
        assert segment_files(tmp_path) == []
        assert not any(feeder.told.written)
        feeder.wanted = True
        feeder.feed(10)
        feeder.wanted = False
        feeder.feed(10)
        (saved,) = feeder.end()
    begun = saved.info.start_us / 1e6 - WALL
    # At least five seconds before, and a key-frame group more at most.
    assert 60 - 5 - 4.1 <= begun <= 60 - 5
    until = begun + saved.ticks / 90_000
    assert 70 <= until <= 74.1


def test_footage_in_memory_has_a_limit(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "_MOST_PRE_ROLL", 50_000)
    with feeding(clip, tmp_path) as feeder:
        feeder.wanted = False
        feeder.pipeline = feeder.new_pipeline(pre_roll=300)
        feeder.feed(60)
        assert 0 < feeder.pipeline._ring_size <= 50_000
        assert sum(one.size for one in feeder.pipeline._ring) == (
            feeder.pipeline._ring_size
        )


def test_a_disk_that_is_too_slow_loses_whole_groups_and_says_so(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "_MOST_QUEUED", 30_000)
    with feeding(clip, tmp_path) as feeder:
        stuck = threading.Event()
        feeder.writer._jobs.put(lambda: stuck.wait(20) and None)
        feeder.feed(20)
        assert feeder.told.dropped >= 3
        stuck.set()
        feeder.settle()
        feeder.feed(4)
        saved = feeder.end()
    # What was taken is whole, and what came back begins with a key frame.
    assert len(saved) == 2
    assert all(unpack_places(one.places)[0].key for one in saved)
    assert feeder.told.begins[-1][1] is GapReason.STORAGE
    for file in segment_files(tmp_path):
        decode(file)


def test_a_storage_that_is_unplugged_gets_no_file_and_recording_goes_on_once_it_is_back(
    clip: Path, tmp_path: Path
) -> None:
    """An empty mount point must not fill the system disk."""
    root, away = tmp_path / "media", tmp_path / "away"
    root.mkdir()
    feeder = Feeder(clip, root)
    feeder.feed(4)
    feeder.settle()
    root.rename(away)
    root.mkdir()
    # The open file goes on where it is; the next one has no place to be.
    feeder.feed(130)
    feeder.settle()
    feeder.feed(4)
    assert any(isinstance(one, StorageMissingError) for one in feeder.told.errors)
    assert list(root.iterdir()) == []
    shutil.rmtree(root)
    away.rename(root)
    feeder.feed(20)
    feeder.settle()
    feeder.feed(4)
    saved = feeder.end()
    assert feeder.told.begins[-1][1] is GapReason.STORAGE
    assert saved[-1].info.start_us / 1e6 > WALL + 130
    for file in segment_files(root):
        decode(file)


def test_a_frame_larger_than_any_camera_sends_is_left_out(
    clip: Path, tmp_path: Path
) -> None:
    with feeding(clip, tmp_path) as feeder:
        feeder.feed(1)
        feeder.pipeline.video([b"\x41" + bytes(17 << 20)], feeder.ticks, 0, 0.0)
        feeder.feed(1)
        feeder.end()
    (file,) = segment_files(tmp_path)
    assert decode(file).frames == 50
