"""Repairs: what can be put right from the list of repairs itself."""

from typing import override

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.core import HomeAssistant

from .device_repairs import ProvisionFlow
from .errors import (
    NotRunningError,
    PortInUseError,
    RecorderError,
    StorageMissingError,
)
from .files import async_loaded_recorder
from .fix_flows import (
    CertificateFlow,
    EncryptFlow,
    FixFlow,
    NewAlgorithmsFlow,
    OffsiteFlow,
    PortFlow,
    SilentFlow,
    StorageFlow,
)
from .issues import OFFSITE_ERRORS


class LiftBanFlow(ConfirmRepairFlow):
    """Lets a banned address connect again, once the owner confirms it."""

    def __init__(self, entry_id: str, address: str) -> None:
        """Remember who was banned, and by which recorder."""
        self._entry_id = entry_id
        self._address = address

    @override
    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask, then lift the ban."""
        if user_input is not None:
            recorder = async_loaded_recorder(self.hass, self._entry_id)
            if recorder is None:
                return self.async_abort(reason="not_running")
            try:
                await recorder.async_lift_ban(self._address)
            except NotRunningError:
                return self.async_abort(reason="not_running")
        return await super().async_step_confirm(user_input)


class RetryUploadsFlow(ConfirmRepairFlow):
    """Tries again to upload what was put aside, once the owner confirms it."""

    def __init__(self, entry_id: str) -> None:
        """Remember whose uploads they are."""
        self._entry_id = entry_id

    @override
    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask, then let them be tried again."""
        if user_input is not None:
            recorder = async_loaded_recorder(self.hass, self._entry_id)
            if recorder is None:
                return self.async_abort(reason="not_running")
            try:
                await recorder.async_retry_uploads()
            except RecorderError:
                return self.async_abort(reason="not_running")
        return await super().async_step_confirm(user_input)


_FLOWS: dict[str, type[FixFlow]] = {
    "certificate_expiring": CertificateFlow,
    "camera_silent": SilentFlow,
    "old_ssh_algorithms": NewAlgorithmsFlow,
    "plain_ftp": EncryptFlow,
    "upload_stalled": OffsiteFlow,
    PortInUseError.key: PortFlow,
    StorageMissingError.key: StorageFlow,
    **dict.fromkeys(OFFSITE_ERRORS, OffsiteFlow),
}


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow of an issue that can be fixed."""
    assert data is not None
    entry_id = str(data["entry_id"])
    match data["key"]:
        case "camera_not_set_up":
            return ProvisionFlow(entry_id, str(data["camera_id"]))
        case "address_banned":
            return LiftBanFlow(entry_id, str(data["address"]))
        case "uploads_quarantined":
            return RetryUploadsFlow(entry_id)
    return _FLOWS[str(data["key"])](data)
