#!/bin/sh
# picture.sh: what a tmux pane shows, as a PNG, Hangul on the grid.
#
#   picture.sh SOCKET PANE OUT.png
#
# SOCKET is the tmux socket's name (tmux -L) or path (-S), PANE a pane (":" is the current
# one). It needs tmux, Debian's chromium, fonts-noto-cjk and fonts-dejavu-core,
# and in the folder XTERM_MODULES (default ./node_modules) the npm packages
# @xterm/xterm 6.0.0 and @xterm/addon-unicode11 0.9.0. The terminal's cursor is
# drawn as a translucent block. Do not judge alignment by pages of aha or
# ansi2html: their fonts draw box characters two columns wide.
set -eu
[ $# -eq 3 ] || { echo "usage: picture.sh SOCKET PANE OUT.png" >&2; exit 2; }
socket=$1 pane=$2 out=$3
case $socket in */*) how=-S ;; *) how=-L ;; esac
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
modules=$(CDPATH= cd -- "${XTERM_MODULES:-node_modules}" && pwd)
[ -f "$modules/@xterm/xterm/lib/xterm.js" ] || {
	echo "no @xterm/xterm in $modules: npm install @xterm/xterm@6.0.0 @xterm/addon-unicode11@0.9.0" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ask() { tmux "$how" "$socket" display-message -p -t "$pane" "$1"; }
cols=$(ask '#{pane_width}') rows=$(ask '#{pane_height}')
cursor=$(ask '#{cursor_flag},#{cursor_x},#{cursor_y}')
screen=$(tmux "$how" "$socket" capture-pane -e -p -N -t "$pane" | base64 -w0)
sed -e "s|@MODULES@|file://$modules|g" -e "s|@COLS@|$cols|" -e "s|@ROWS@|$rows|" \
	-e "s|@CURSOR@|$cursor|" -e "s|@SCREEN@|$screen|" "$here/page.html" >"$work/page.html"
# DejaVu Sans Mono at 16 px is 9.63 px wide and 19 px high in xterm.js.
width=$((cols * 10 + 20)) height=$((rows * 20 + 30))
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
	--disable-background-networking --disable-component-update --disable-sync \
	--allow-file-access-from-files --user-data-dir="$work/profile" \
	--virtual-time-budget=3000 --hide-scrollbars --window-size="$width,$height" \
	--screenshot="$work/out.png" "file://$work/page.html" >"$work/log" 2>&1 ||
	{ cat "$work/log" >&2; exit 1; }
mv "$work/out.png" "$out"
