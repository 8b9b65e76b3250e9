"""Constants of the Home Assistant side."""

import logging
from typing import Final

DOMAIN: Final = "hikvision_nvr"
LOGGER = logging.getLogger(__package__)

ENTRY_VERSION: Final = 1
"""Of config entries. A release that raises it cannot be undone: an older one refuses to
start such an entry. What only adds raises the minor version."""

SUBENTRY_CAMERA: Final = "camera"

# Recorder (config entry data)
CONF_STORAGE_FOLDER: Final = "storage_folder"
CONF_FTPS_PORT: Final = "ftps_port"
CONF_PASSIVE_PORTS: Final = "passive_ports"
CONF_CERTIFICATE: Final = "certificate"
CONF_CERTIFICATE_FILE: Final = "certificate_file"
CONF_PRIVATE_KEY_FILE: Final = "private_key_file"
CERTIFICATE_GENERATE: Final = "generate"
CERTIFICATE_FILES: Final = "files"
SECTION_ADVANCED: Final = "advanced"
SECTION_DEVICE: Final = "device"
CONF_LISTEN_ADDRESS: Final = "listen_address"
CONF_IMPLICIT_PORT: Final = "implicit_port"
CONF_SFTP: Final = "sftp"
CONF_SFTP_PORT: Final = "sftp_port"
CONF_EXTERNAL_ADDRESS: Final = "external_address"
CONF_ALLOWED_NETWORKS: Final = "allowed_networks"
CONF_STORAGE_RESERVE: Final = "storage_reserve"

CONF_S3: Final = "s3"
CONF_ENDPOINT_URL: Final = "endpoint_url"
CONF_REGION: Final = "region"
CONF_BUCKET: Final = "bucket"
CONF_PREFIX: Final = "prefix"
CONF_ACCESS_KEY_ID: Final = "access_key_id"
CONF_SECRET_ACCESS_KEY: Final = "secret_access_key"
CONF_UPLOAD_PRICE: Final = "price_uploads"
CONF_UPLOAD_WORKERS: Final = "upload_workers"
CONF_UPLOAD_LIMIT: Final = "upload_limit"
CONF_LOCK_DAYS: Final = "lock_days"
CONF_LOCK_MODE: Final = "lock_mode"
CONF_KEEP_CHECKSUM: Final = "keep_checksum"

# Camera (config subentry data)
CONF_FOLDER: Final = "folder"
CONF_RTSP_PORT: Final = "rtsp_port"
CONF_RTSP_USERNAME: Final = "rtsp_username"
CONF_RTSP_PASSWORD: Final = "rtsp_password"
CONF_CHANNEL: Final = "channel"
CONF_BRAND: Final = "brand"
CONF_UPLOAD_USERNAME: Final = "upload_username"
CONF_UPLOAD_PASSWORD: Final = "upload_password"
CONF_UPLOAD_PASSWORD_HASH: Final = "upload_password_hash"
CONF_MOTION_HOLD: Final = "motion_hold"
CONF_SECURITY: Final = "security"
CONF_BIND_ADDRESS: Final = "bind_address"
CONF_ACTIVE_MODE: Final = "active_mode"
CONF_PUBLIC_KEY: Final = "public_key"
CONF_OLD_ALGORITHMS: Final = "old_algorithms"
CONF_BURST_WINDOW: Final = "burst_window"
CONF_MEDIA_ORDER: Final = "media_order"
CONF_MEDIA_PAGE: Final = "media_page"
CONF_NAME_TEMPLATE: Final = "name_template"
CONF_STREAM_PATH: Final = "stream_path"
CONF_FIND_STREAM: Final = "find_stream"
CONF_SILENT_HOURS: Final = "silent_hours"

# Recording: of a camera, then options of the recorder
SECTION_RECORDING: Final = "recording"
CONF_RECORDING_MODE: Final = "recording_mode"
CONF_RECORDING_AUDIO: Final = "recording_audio"
CONF_RECORDING_READER: Final = "recording_reader"
CONF_RECORDING_BASIC: Final = "recording_basic"
CONF_RECORDING_OFFSITE: Final = "recording_offsite"
CONF_PRE_ROLL: Final = "pre_roll"
CONF_POST_ROLL: Final = "post_roll"
CONF_SCHEDULE_DAYS: Final = "schedule_days"
CONF_SCHEDULE_BEGIN: Final = "schedule_begin"
CONF_SCHEDULE_END: Final = "schedule_end"
CONF_RECORDING_DAYS: Final = "recording_days"
CONF_RECORDING_SIZE: Final = "recording_size"
CONF_DETECTION_DAYS: Final = "detection_days"
CONF_SYNC_INTERVAL: Final = "sync_interval"
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Camera with a device (config subentry data, beside the above)
CONF_HTTP_PORT: Final = "http_port"
CONF_HTTPS: Final = "https"
CONF_FINGERPRINT: Final = "fingerprint"
CONF_SERIAL: Final = "serial"
CONF_MAC: Final = "mac"
CONF_MODEL: Final = "model"
CONF_HAS_SUB: Final = "has_sub_stream"
CONF_EVENT_STREAM: Final = "event_stream"
CONF_LIVE_STREAM: Final = "live_stream"
LIVE_MAIN: Final = "main"
LIVE_SUB: Final = "sub"

# What a device is set up with
CONF_EVENTS: Final = "events"
CONF_CAPTURE_COUNT: Final = "capture_count"
CONF_CAPTURE_INTERVAL: Final = "capture_interval"
CONF_ARM_ALWAYS: Final = "arm_always"
CONF_SET_CLOCK: Final = "set_clock"
CONF_NTP_SERVER: Final = "ntp_server"
CONF_ACCEPT_PLAIN: Final = "accept_plain"
CONF_SET_UP: Final = "set_up"
CONF_PROVISIONED: Final = "provisioned"
CONF_CHANNELS: Final = "channels"
CONF_FOUND: Final = "found"
CONF_CAMERA_ID: Final = "camera_id"
CONF_DISCOVERY_INTERVAL: Final = "discovery_interval"

# What the recorder does by itself: an option, and for each camera days to keep
CONF_SORT_HOURLY: Final = "sort_hourly"
CONF_KEEP_LOCAL: Final = "keep_local_days"
CONF_KEEP_OFFSITE: Final = "keep_offsite_days"
CONF_KEEP_ARCHIVES: Final = "keep_archives_days"

DEFAULT_NAME: Final = "Recorder"
DEFAULT_FTPS_PORT: Final = 2121
DEFAULT_SFTP_PORT: Final = 2222
DEFAULT_PASSIVE_PORTS: Final = "50000-50049"
DEFAULT_STORAGE_RESERVE: Final = 256
DEFAULT_REGION: Final = "us-east-1"
DEFAULT_CURRENCY: Final = "USD"
DEFAULT_UPLOAD_WORKERS: Final = 4
DEFAULT_RTSP_PORT: Final = 554
DEFAULT_CHANNEL: Final = 1
DEFAULT_MEDIA_ORDER: Final = "newest"
DEFAULT_MOTION_HOLD: Final = 10
DEFAULT_BURST_WINDOW: Final = 10
DEFAULT_SILENT_HOURS: Final = 24
DEFAULT_PRE_ROLL: Final = 5
DEFAULT_POST_ROLL: Final = 15
DEFAULT_SYNC_INTERVAL: Final = "10"
DEFAULT_HTTP_PORT: Final = 80
DEFAULT_HTTPS_PORT: Final = 443
DEFAULT_CAPTURE_COUNT: Final = 3
DEFAULT_CAPTURE_INTERVAL: Final = 1000
DEFAULT_DISCOVERY_INTERVAL: Final = 60

MEDIA_ORDERS: Final = ("newest", "oldest")
MOST_ON_PAGE: Final = 190
"""With what leads to other pages a level of the media browser has fewer than 200
entries; thousands make it unusable."""

EVENT_DETECTION: Final = f"{DOMAIN}_detection"
EVENT_DETECTION_PICTURE: Final = f"{DOMAIN}_detection_picture"
EVENT_JOB: Final = f"{DOMAIN}_job"
EVENT_RESTORE_READY: Final = f"{DOMAIN}_restore_ready"
