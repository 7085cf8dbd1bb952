// Package testdata holds the sample data of the demo: made-up customers of a
// shop and the shop's welcome mail, which are part of the binary, and faults
// that the tests of several packages make.
package testdata

import _ "embed"

// Customers is a CSV file of 200 Korean customers, as a shop would export it.
//
//go:embed customers.csv
var Customers []byte

// Welcome is the HTML of the welcome mail, with merge fields.
//
//go:embed welcome.html
var Welcome string
