"""Repairs of one form: it is shown again with what went wrong, until that works."""

from abc import abstractmethod
from typing import Any, Final, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigSubentry
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .checks import PortNotPermittedError, PortTakenError, check_port
from .const import (
    CERTIFICATE_GENERATE,
    CONF_BUCKET,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_FILE,
    CONF_FTPS_PORT,
    CONF_IMPLICIT_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_OLD_ALGORITHMS,
    CONF_PRIVATE_KEY_FILE,
    CONF_REGION,
    CONF_S3,
    CONF_SECURITY,
    CONF_SFTP_PORT,
    CONF_SILENT_HOURS,
    CONF_STORAGE_FOLDER,
    DEFAULT_SILENT_HOURS,
    DOMAIN,
    LOGGER,
)
from .coordinator import RecorderCoordinator
from .errors import BucketNotFoundError, RecorderError
from .files import async_loaded_recorder
from .issues import RENEWAL_TIME
from .model import Security
from .offsite import probe_bucket
from .receiver.certificate import expires
from .settings import own_certificate, s3_settings, sftp_port
from .store.root import is_storage

CONF_PORT: Final = "port"
CONF_GENERATE: Final = "generate"

type IssueData = dict[str, str | int | float | None]


class NotFixedError(Exception):
    """It is not put right; ``key`` says why in the form, ``message`` in more words."""

    def __init__(self, key: str, message: str = "", field: str = "base") -> None:
        """Keep what the form shows, and at which field."""
        super().__init__(key)
        self.key = key
        self.message = message
        self.field = field


class FixFlow(RepairsFlow):
    """Asks, and puts something right."""

    def __init__(self, data: IssueData) -> None:
        """Remember what it is about."""
        self._about = data

    async def async_step_init(
        self, _user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Begin with the only form."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask, then put it right."""
        errors: dict[str, str] = {}
        message = ""
        if user_input is not None:
            try:
                await self._async_fix(user_input)
            except NotFixedError as err:
                errors[err.field], message = err.key, err.message
            else:
                return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        told = issue.translation_placeholders if issue else None
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.add_suggested_values_to_schema(
                self._form(), user_input or {}
            ),
            errors=errors,
            description_placeholders={**(told or {}), "message": message},
        )

    def _form(self) -> vol.Schema:
        """Return what is asked; nothing but a confirmation by default."""
        return vol.Schema({})

    @abstractmethod
    async def _async_fix(self, values: dict[str, Any]) -> None:
        """Put it right. Raises NotFixedError, and AbortFlow where nothing can be."""

    def _entry(self) -> ConfigEntry:
        """Return the recorder's entry. Raises AbortFlow when it is gone."""
        entry = self.hass.config_entries.async_get_entry(str(self._about["entry_id"]))
        if entry is None:
            raise AbortFlow("not_running")
        return entry

    def _recorder(self) -> RecorderCoordinator:
        """Return the recorder. Raises AbortFlow when it does not run."""
        recorder = async_loaded_recorder(self.hass, str(self._about["entry_id"]))
        if recorder is None:
            raise AbortFlow("not_running")
        return recorder

    def _camera(self) -> ConfigSubentry:
        """Return the camera. Raises AbortFlow when it is gone."""
        camera = self._entry().subentries.get(str(self._about["camera_id"]))
        if camera is None:
            raise AbortFlow("not_running")
        return camera

    def _change_camera(self, **values: Any) -> None:
        """Change a camera's settings; the recorder begins anew with them."""
        camera = self._camera()
        self.hass.config_entries.async_update_subentry(
            self._entry(), camera, data={**camera.data, **values}
        )

    async def _async_start(self) -> None:
        """Start a recorder. Raises NotFixedError when it does not start."""
        entry = self._entry()
        await self.hass.config_entries.async_reload(entry.entry_id)
        if entry.state is not ConfigEntryState.LOADED:
            raise NotFixedError("failed", entry.reason or entry.state.value)


class PortFlow(FixFlow):
    """Gives the recorder another port, or tries the same one again."""

    _keys: frozenset[str] | set[str] = frozenset()

    @override
    def _form(self) -> vol.Schema:
        port = vol.All(vol.Coerce(int), vol.Range(min=1, max=65535))
        return vol.Schema(
            {vol.Required(CONF_PORT, default=self._about[CONF_PORT]): port}
        )

    @override
    async def _async_fix(self, values: dict[str, Any]) -> None:
        entry, new = self._entry(), values[CONF_PORT]
        address = entry.data.get(CONF_LISTEN_ADDRESS, "")
        try:
            await self.hass.async_add_executor_job(check_port, address, new)
        except PortTakenError as err:
            raise NotFixedError("port_in_use", field=CONF_PORT) from err
        except PortNotPermittedError as err:
            raise NotFixedError("port_not_permitted", field=CONF_PORT) from err
        ports = {
            CONF_FTPS_PORT: entry.data[CONF_FTPS_PORT],
            CONF_IMPLICIT_PORT: entry.data.get(CONF_IMPLICIT_PORT),
            CONF_SFTP_PORT: sftp_port(entry.data),
        }
        # Which one it is stays, also when it was changed and something else failed.
        self._keys = self._keys or {
            key for key, port in ports.items() if port == self._about[CONF_PORT]
        }
        if new in [port for key, port in ports.items() if key not in self._keys]:
            raise NotFixedError("port_in_use", field=CONF_PORT)
        self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, **dict.fromkeys(self._keys, new)}
        )
        await self._async_start()


class StorageFlow(FixFlow):
    """Begins again once the storage is there."""

    @override
    async def _async_fix(self, values: dict[str, Any]) -> None:
        folder: str = self._entry().data[CONF_STORAGE_FOLDER]
        if not await self.hass.async_add_executor_job(is_storage, folder):
            raise NotFixedError("still_missing")
        await self._async_start()


class OffsiteFlow(FixFlow):
    """Tries the bucket, and lets what waits be uploaded at once."""

    @override
    def _form(self) -> vol.Schema:
        if self._about["key"] != BucketNotFoundError.key:
            return vol.Schema({})
        s3 = self._entry().data[CONF_S3]
        return vol.Schema(
            {
                vol.Required(CONF_BUCKET, default=s3[CONF_BUCKET]): str,
                vol.Required(CONF_REGION, default=s3[CONF_REGION]): str,
            }
        )

    @override
    async def _async_fix(self, values: dict[str, Any]) -> None:
        recorder = self._recorder()
        entry, engine = recorder.config_entry, recorder.engine
        s3 = {**entry.data[CONF_S3], **values}
        try:
            await engine.run(probe_bucket(s3_settings(s3)))
            if s3 == entry.data[CONF_S3]:
                await recorder.async_retry_uploads()
        except RecorderError as err:
            raise NotFixedError("failed", str(err)) from err
        self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_S3: s3}
        )


class SilentFlow(FixFlow):
    """Gives a camera more hours before it counts as silent."""

    @override
    def _form(self) -> vol.Schema:
        hours = self._camera().data.get(CONF_SILENT_HOURS, DEFAULT_SILENT_HOURS)
        number = vol.All(vol.Coerce(int), vol.Range(min=0, max=8760))
        return vol.Schema({vol.Required(CONF_SILENT_HOURS, default=hours): number})

    @override
    async def _async_fix(self, values: dict[str, Any]) -> None:
        self._change_camera(**values)


class EncryptFlow(FixFlow):
    """Takes deliveries of a camera by FTPS only from now on."""

    @override
    async def _async_fix(self, values: dict[str, Any]) -> None:
        self._change_camera(**{CONF_SECURITY: Security.FTPS.value})


class NewAlgorithmsFlow(FixFlow):
    """Offers a camera no old algorithms any more."""

    @override
    async def _async_fix(self, values: dict[str, Any]) -> None:
        self._change_camera(**{CONF_OLD_ALGORITHMS: False})


class CertificateFlow(FixFlow):
    """Looks at the owner's new certificate, or lets the recorder make one itself."""

    @override
    def _form(self) -> vol.Schema:
        return vol.Schema({vol.Required(CONF_GENERATE, default=False): bool})

    @override
    async def _async_fix(self, values: dict[str, Any]) -> None:
        entry = self._entry()
        if values[CONF_GENERATE]:
            data = {
                key: value
                for key, value in entry.data.items()
                if key not in (CONF_CERTIFICATE_FILE, CONF_PRIVATE_KEY_FILE)
            }
            self.hass.config_entries.async_update_entry(
                entry, data={**data, CONF_CERTIFICATE: CERTIFICATE_GENERATE}
            )
            return
        recorder = self._recorder()
        certificate = own_certificate(entry.data)
        if certificate is None:
            return
        try:
            end = await self.hass.async_add_executor_job(expires, certificate)
        except (OSError, ValueError) as err:
            LOGGER.debug("The new certificate cannot be read: %s", err)
            raise NotFixedError("failed", str(err)) from err
        if end - dt_util.utcnow() < RENEWAL_TIME:
            date = dt_util.as_local(end).date().isoformat()
            raise NotFixedError("not_renewed", date)
        await recorder.issues.async_look_at_certificate()
