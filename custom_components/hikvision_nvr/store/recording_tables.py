"""The catalogue's tables of recordings, and of what was detected."""


def recordings_sql() -> str:
    """Return the statements that make the tables.

    A segment's file is named by its camera, start, run and sequence. ``recorded`` has
    the totals, which triggers keep: summing millions of rows takes seconds;
    ``recorded_quarters`` has them for each quarter of an hour, because days begin at a
    quarter in every time zone. A gap is ``filled`` when its footage was fetched from
    elsewhere. A detection's ``capture_id`` is its best picture, the one with the lowest
    ``picture_rank``.
    """
    return """
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY,
        camera TEXT NOT NULL,
        start_us INTEGER NOT NULL,
        run TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        end_us INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        ticks INTEGER NOT NULL,
        init_bytes INTEGER NOT NULL,
        video TEXT NOT NULL,
        audio TEXT,
        complete INTEGER NOT NULL,
        detected INTEGER NOT NULL DEFAULT 0,
        offsite INTEGER NOT NULL DEFAULT 0,
        UNIQUE (camera, start_us, run)
    ) STRICT;
    CREATE INDEX segments_oldest ON segments (start_us, bytes);
    CREATE INDEX segments_undetected ON segments (camera, start_us)
        WHERE detected = 0 AND complete = 1;
    CREATE INDEX segments_open ON segments (camera) WHERE complete = 0;

    CREATE TABLE fragments (
        segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
        places BLOB NOT NULL
    ) STRICT;

    CREATE TABLE recorded (
        camera TEXT PRIMARY KEY,
        bytes INTEGER NOT NULL,
        us INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER segments_added AFTER INSERT ON segments BEGIN
        INSERT INTO recorded VALUES
            (new.camera, new.bytes, new.end_us - new.start_us)
            ON CONFLICT (camera) DO UPDATE SET
            bytes = bytes + excluded.bytes, us = us + excluded.us;
    END;
    CREATE TRIGGER segments_changed AFTER UPDATE OF bytes, end_us ON segments BEGIN
        UPDATE recorded SET bytes = bytes + new.bytes - old.bytes,
            us = us + new.end_us - old.end_us WHERE camera = new.camera;
    END;
    CREATE TRIGGER segments_removed AFTER DELETE ON segments BEGIN
        UPDATE recorded SET bytes = bytes - old.bytes,
            us = us - (old.end_us - old.start_us) WHERE camera = old.camera;
    END;

    CREATE TABLE recorded_quarters (
        camera TEXT NOT NULL,
        quarter INTEGER NOT NULL,
        us INTEGER NOT NULL,
        PRIMARY KEY (camera, quarter)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER quarter_gains AFTER INSERT ON segments BEGIN
        INSERT INTO recorded_quarters VALUES
            (new.camera, new.start_us / 900000000, new.end_us - new.start_us)
            ON CONFLICT DO UPDATE SET us = us + excluded.us;
    END;
    CREATE TRIGGER quarter_changes AFTER UPDATE OF end_us ON segments BEGIN
        UPDATE recorded_quarters SET us = us + new.end_us - old.end_us
            WHERE camera = new.camera AND quarter = new.start_us / 900000000;
    END;
    CREATE TRIGGER quarter_loses AFTER DELETE ON segments BEGIN
        UPDATE recorded_quarters SET us = us - (old.end_us - old.start_us)
            WHERE camera = old.camera AND quarter = old.start_us / 900000000;
        DELETE FROM recorded_quarters
            WHERE camera = old.camera AND quarter = old.start_us / 900000000
            AND us = 0;
    END;

    CREATE TABLE offsite_recordings (
        camera TEXT PRIMARY KEY,
        what TEXT NOT NULL CHECK (what IN ('detections', 'all'))
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE segment_uploads (
        segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
        camera TEXT NOT NULL,
        start_us INTEGER NOT NULL,
        detected INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_us INTEGER NOT NULL DEFAULT 0,
        error TEXT
    ) STRICT;
    CREATE INDEX segment_uploads_next
        ON segment_uploads (detected DESC, start_us, due_us);
    CREATE TRIGGER segments_queued AFTER INSERT ON segments
    WHEN new.complete = 1 BEGIN
        INSERT INTO segment_uploads (segment_id, camera, start_us, detected)
            SELECT new.id, new.camera, new.start_us, new.detected
            FROM offsite_recordings WHERE camera = new.camera
            AND (what = 'all' OR new.detected = 1);
    END;
    CREATE TRIGGER segments_queued_later
    AFTER UPDATE OF complete, detected ON segments
    WHEN new.complete = 1 AND new.offsite = 0 AND
        (old.complete = 0 OR old.detected <> new.detected) BEGIN
        INSERT INTO segment_uploads (segment_id, camera, start_us, detected)
            SELECT new.id, new.camera, new.start_us, new.detected
            FROM offsite_recordings WHERE camera = new.camera
            AND (what = 'all' OR new.detected = 1)
            ON CONFLICT (segment_id) DO UPDATE SET detected = excluded.detected;
    END;

    CREATE TABLE gaps (
        camera TEXT NOT NULL,
        start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL,
        reason TEXT NOT NULL,
        filled INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (camera, start_us)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE holds (
        id TEXT PRIMARY KEY,
        camera TEXT NOT NULL,
        start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX holds_of_camera ON holds (camera, start_us, end_us);

    CREATE TABLE detections (
        id TEXT PRIMARY KEY,
        camera TEXT NOT NULL,
        type TEXT NOT NULL,
        event_us INTEGER NOT NULL,
        plate TEXT,
        region TEXT,
        capture_id TEXT,
        picture_rank INTEGER NOT NULL,
        plate_key TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX detections_newest ON detections (camera, event_us);
    CREATE INDEX detections_by_type ON detections (camera, type, event_us);
    CREATE INDEX detections_plates ON detections (camera, event_us, id, plate_key)
        WHERE plate_key IS NOT NULL;

    CREATE TABLE paused_recordings (camera TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    """
