#!/bin/sh
# screen-pictures.sh: every screen as a PNG in docs/ui, out of the tests that
# work them in tmux, and docs/ui/README.md, which shows them all. It needs what
# apt.txt lists and, in XTERM_MODULES, what picture.sh says.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p docs/ui
UI_PICTURES="$work" go test -tags host -count=1 -run '^(TestAMarketerAtTheDesk|TestTheOperatorAtTheDesk|TestACampaignOnTheScreens|TestTheSyncOnTheScreen)$' ./cli
rm -f docs/ui/screen-*.png
cp "$work"/screen-*.png docs/ui/
{
	echo "# Every screen"
	echo
	echo "In a window of 80×24 (narrow ones: 60×20), Korean and English, as \`testdata/ui/screen-pictures.sh\` found them in"
	echo "the tests that work them. What they are for stands in [ui.md](../ui.md) and [ui.ko.md](../ui.ko.md)."
	for file in docs/ui/screen-*-ko.png; do
		name=$(basename "$file" -ko.png)
		echo
		echo "## ${name#screen-}"
		echo
		echo "![$name, Korean]($name-ko.png) ![$name, English]($name-en.png)"
	done
} >docs/ui/README.md
