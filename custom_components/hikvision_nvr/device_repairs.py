"""The repair of a camera that is not set up to deliver: look, agree, and see it."""

from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult

from .coordinator import RecorderCoordinator
from .errors import PlainNotAcceptedError, RecorderError
from .files import async_loaded_recorder
from .forms import provision_form
from .provision import NewPlan, async_plan_again, async_preview, async_write_again


class ProvisionFlow(RepairsFlow):
    """Sets a camera up, once its owner has seen what will be written."""

    def __init__(self, entry_id: str, camera_id: str) -> None:
        """Remember which camera it is."""
        self._entry_id = entry_id
        self._camera_id = camera_id
        self._new: NewPlan | None = None
        self._only_plain = False

    async def async_step_init(
        self, _user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Begin: what comes first is the issue's id, and no answer to a form."""
        return await self.async_step_choose()

    async def async_step_choose(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask how to set it up; nothing is written yet."""
        recorder = self._recorder()
        if recorder is None:
            return self.async_abort(reason="not_running")
        errors: dict[str, str] = {}
        placeholders = self._placeholders(recorder)
        if user_input is not None:
            try:
                self._new = await async_plan_again(
                    recorder, self._camera_id, user_input
                )
            except PlainNotAcceptedError as err:
                self._only_plain = True
                errors["base"] = err.key
            except RecorderError as err:
                errors["base"] = "failed"
                placeholders["message"] = str(err)
            else:
                return await self.async_step_preview()
        return self.async_show_form(
            step_id="choose",
            data_schema=self.add_suggested_values_to_schema(
                provision_form(only_plain=self._only_plain), user_input
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_preview(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show what will be written, and write it when that is confirmed."""
        recorder = self._recorder()
        if recorder is None:
            return self.async_abort(reason="not_running")
        assert self._new is not None
        errors: dict[str, str] = {}
        placeholders = self._placeholders(recorder)
        if user_input is not None:
            try:
                await async_write_again(recorder, self._new)
            except RecorderError as err:
                errors["base"] = "failed"
                placeholders["message"] = str(err)
            else:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="preview",
            errors=errors,
            description_placeholders={
                **placeholders,
                "changes": await async_preview(self.hass, self._new.plan),
            },
        )

    def _recorder(self) -> RecorderCoordinator | None:
        recorder = async_loaded_recorder(self.hass, self._entry_id)
        if recorder is None or self._camera_id not in recorder.cameras:
            return None
        return recorder

    def _placeholders(self, recorder: RecorderCoordinator) -> dict[str, str]:
        return {
            "camera": recorder.cameras[self._camera_id].title,
            "time_zone": self.hass.config.time_zone,
            "message": "",
        }
