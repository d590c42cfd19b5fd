"""Takes the picture of a report: python docs/screenshot.py REPORT ITEM PICTURE.

ITEM is a part of a title. Needs playwright, and chromium on the path.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("report", type=Path)
parser.add_argument("item")
parser.add_argument("picture", type=Path)
args = parser.parse_args()
program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
with sync_playwright() as driver:
    browser = driver.chromium.launch(executable_path=program)
    size = {"width": 1000, "height": 900}
    page = browser.new_page(viewport=size, reduced_motion="reduce")
    page.goto(args.report.resolve().as_uri())
    page.wait_for_selector(".node")
    page.locator("#search").fill(args.item)
    page.locator("#found button").first.click()
    page.locator("#search").fill("")
    page.locator("#search").blur()
    page.wait_for_timeout(500)
    page.locator(".explorer").screenshot(path=args.picture)
    browser.close()
