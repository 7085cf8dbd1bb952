#!/bin/sh
# screen-pictures.sh: the screens of docs/ui.md, as small PNGs in docs/ui, out
# of the test that works them in tmux. Needs what apt.txt lists and, in
# XTERM_MODULES, what picture.sh says; ImageMagick's convert makes them small.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p docs/ui
UI_PICTURES="$PWD/docs/ui" go test -tags host -count=1 -run '^TestAMarketerAtTheDesk$' ./cli
for picture in docs/ui/screen-*.png; do
	convert "$picture" -strip -colors 48 -define png:compression-level=9 "PNG8:$picture"
done
