#!/bin/sh
# screen-pictures.sh: the screens that docs/ui.md and docs/ui.ko.md show, as
# PNGs in docs/ui, out of the tests that work them in tmux. It needs what
# apt.txt lists and, in XTERM_MODULES, what picture.sh says.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p docs/ui
UI_PICTURES="$work" go test -tags host -count=1 -run '^(TestAMarketerAtTheDesk|TestTheOperatorAtTheDesk|TestACampaignOnTheScreens|TestTheSyncOnTheScreen)$' ./cli
sed -n 's|.*(ui/\(screen-[a-z-]*\.png\)).*|\1|p' docs/ui.md docs/ui.ko.md | while read -r name; do
	cp "$work/$name" docs/ui/
done
