// Command pabal sends a company's mail through Amazon SES and can say, for
// every single recipient, what became of it.
package main

import (
	"os"

	"pabal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
