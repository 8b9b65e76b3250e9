"""Home Assistant's dialogs, gone through as their reader does: by the words on them."""

import re

from playwright.sync_api import Locator, Page, expect

SECOND = 1000
PATIENCE = 30 * SECOND


class Dialog:
    """A dialog of several steps, such as those of Settings and of a repair."""

    def __init__(self, page: Page) -> None:
        """Look at the dialog that is open, or will be."""
        self.page = page
        self.element = page.locator("dialog-data-entry-flow")

    def at(self, title: str) -> Dialog:
        """Wait for the step of this title."""
        heading = self.element.get_by_text(title, exact=True).first
        expect(heading).to_be_visible(timeout=PATIENCE)
        return self

    def field(self, label: str) -> Locator:
        """Return where something is entered."""
        # A required field's label ends with a star.
        name = self.element.get_by_role("textbox", name=label)
        return name.or_(self.element.get_by_role("spinbutton", name=label)).first

    def enter(self, **fields: str | int) -> Dialog:
        """Enter values by their labels, in which underscores are blanks."""
        for label, value in fields.items():
            self.field(label.replace("_", " ")).fill(str(value), timeout=PATIENCE)
        return self

    def unfold(self, section: str) -> Dialog:
        """Open a section."""
        self.element.get_by_text(section, exact=True).click(timeout=PATIENCE)
        return self

    def choose(self, option: str) -> None:
        """Take one of several ways."""
        self.element.get_by_text(option, exact=True).click(timeout=PATIENCE)

    def submit(self) -> None:
        """Go on to the next step."""
        self.press("Submit")

    def press(self, *names: str) -> Locator:
        """Press the one of these buttons that is there."""
        pattern = re.compile(rf"^\s*({'|'.join(names)})\s*$")
        button = self.element.locator("ha-button", has_text=pattern).first
        button.click(timeout=PATIENCE)
        return button

    def finish(self) -> None:
        """Leave the last step."""
        button = self.press("Finish", "Skip and finish", "Close")
        expect(button).to_be_hidden(timeout=PATIENCE)


def add_integration(page: Page, url: str) -> Dialog:
    """Find the integration among all others and begin its set-up."""
    page.goto(f"{url}/config/integrations/dashboard")
    page.get_by_role("button", name="Add integration").first.click(timeout=60 * SECOND)
    adding = page.locator("dialog-add-integration")
    adding.locator("ha-input-search").click(timeout=PATIENCE)
    page.keyboard.type("Hikvision NVR")
    adding.get_by_text("Hikvision NVR", exact=True).first.click(timeout=PATIENCE)
    # What else is on the machine may have been found in the network.
    dialog = Dialog(page)
    another = adding.get_by_text("Set up another instance of Hikvision NVR")
    first = dialog.element.get_by_text("Set up a recorder", exact=True)
    expect(another.or_(first).first).to_be_visible(timeout=PATIENCE)
    if another.is_visible():
        another.click()
    return dialog.at("Set up a recorder")


def add_camera(page: Page, url: str, recorder: str) -> Dialog:
    """Begin to add a camera to a recorder, of which there may be several."""
    choose_from_menu(page, open_integration(page, url, recorder), "Add camera")
    return Dialog(page).at("Add a camera")


def open_integration(page: Page, url: str, recorder: str) -> Locator:
    """Open the integration's page and return the row of a recorder."""
    page.goto(f"{url}/config/integrations/integration/hikvision_nvr")
    row = page.locator("ha-config-entry-row", has_text=recorder).first
    expect(row).to_be_visible(timeout=60 * SECOND)
    return row


def choose_from_menu(page: Page, row: Locator, item: str) -> None:
    """Choose from the menu of a row."""
    row.get_by_role("button", name="Menu").first.click(timeout=PATIENCE)
    row.get_by_role("menuitem", name=item, exact=True).first.click(timeout=PATIENCE)
