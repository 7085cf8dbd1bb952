#!/bin/sh
# web-pictures.sh: the pages people reach by the links in their mail, as PNGs in
# docs/ui, out of the browser tests. Needs what apt.txt lists.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p docs/ui
WEB_PICTURES="$PWD/docs/ui" go test -tags host -count=1 -run '^(TestAPersonChoosesInABrowser|TestPreferencesByKeyboardAlone|TestALetterIsLookedAtInABrowser)$' ./cli
