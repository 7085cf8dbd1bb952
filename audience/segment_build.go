package audience

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"pabal/eml"
)

// Comparison is how a condition row compares.
type Comparison string

// The comparisons. Which of them a field allows is in Field.
const (
	Is          Comparison = "is"
	IsNot       Comparison = "is_not"
	OneOf       Comparison = "one_of"
	Contains    Comparison = "contains"
	ContainsNot Comparison = "contains_not"
	Begins      Comparison = "begins"
	Ends        Comparison = "ends"
	Empty       Comparison = "empty"
	NotEmpty    Comparison = "not_empty"
	Equals      Comparison = "equals" // numbers
	More        Comparison = "more"
	Less        Comparison = "less"
	AtLeast     Comparison = "at_least"
	AtMost      Comparison = "at_most"
	On          Comparison = "on" // days
	Before      Comparison = "before"
	Until       Comparison = "until" // that day too
	After       Comparison = "after"
	Since       Comparison = "since" // that day too
	Yes         Comparison = "yes"
	No          Comparison = "no"
	Ever        Comparison = "ever" // deeds: of any campaign
	Never       Comparison = "never"
	Of          Comparison = "of" // of these campaigns
	NotOf       Comparison = "not_of"
	OfLast      Comparison = "of_last" // of the last n campaigns
	NotOfLast   Comparison = "not_of_last"
	OfDays      Comparison = "of_days" // of a mail of the last n days
	NotOfDays   Comparison = "not_of_days"
)

// AttributeField is the field of conditions about an attribute, which they name.
const AttributeField = "attribute"

// Condition is one row of a segment builder.
type Condition struct {
	Field      string     `json:"field"`               // as in Field
	Attribute  string     `json:"attribute,omitempty"` // its name, with AttributeField
	Comparison Comparison `json:"comparison"`
	Values     []string   `json:"values,omitempty"` // one, but for OneOf and Of; none for those that need none
}

// Conditions are the rows of a segment builder. None selects everyone.
type Conditions struct {
	Any  bool        `json:"any,omitempty"` // one true row is enough; else all have to be
	Rows []Condition `json:"rows"`
}

// sign is a comparison as an expression writes it.
type sign struct {
	comparison Comparison
	operator   string
	not        bool
}

func signs() []sign {
	return []sign{{Is, "==", false}, {IsNot, "!=", false}, {OneOf, "in", false}, {Contains, "contains", false}, {ContainsNot, "contains", true},
		{Begins, "startsWith", false}, {Ends, "endsWith", false}, {Empty, "==", false}, {NotEmpty, "!=", false}, {Equals, "==", false},
		{More, ">", false}, {Less, "<", false}, {AtLeast, ">=", false}, {AtMost, "<=", false},
		{On, "==", false}, {Before, "<", false}, {Until, "<=", false}, {After, ">", false}, {Since, ">=", false}}
}

// comparisons are what a kind of field allows.
func (k Kind) comparisons() []Comparison {
	switch k {
	case KindText:
		return []Comparison{Is, IsNot, Contains, ContainsNot, Begins, Ends, OneOf, Empty, NotEmpty}
	case KindValue:
		return append(KindText.comparisons(), Equals, More, Less, AtLeast, AtMost)
	case KindChoice:
		return []Comparison{Is, IsNot, OneOf, Empty, NotEmpty}
	case KindDate:
		return []Comparison{On, Before, Until, After, Since, Empty, NotEmpty}
	case KindCampaign:
		return []Comparison{Ever, Never, Of, NotOf, OfLast, NotOfLast, OfDays, NotOfDays}
	}
	return []Comparison{Yes, No} // flags, tags, topics
}

// kindOf is a field's kind; false for one that is not there.
func kindOf(field string) (Kind, bool) {
	switch {
	case field == AttributeField:
		return KindValue, true
	case field == "tag":
		return KindTag, true
	case field == "topic":
		return KindTopic, true
	case deedOf(field) != 0:
		return KindCampaign, field == strings.ToLower(field)
	}
	w, ok := wordOf(field)
	return w.kind, ok && w.name == field
}

// Expression is the conditions as an expression, "" for none. An *eml.Problem
// or *SegmentError for a row that means nothing.
func (c Conditions) Expression() (string, error) {
	parts := make([]string, 0, len(c.Rows))
	for i, row := range c.Rows {
		part, err := row.expression()
		if err != nil {
			return "", &eml.Problem{Code: CodeCondition, Args: []string{strconv.Itoa(i + 1)}, What: fmt.Sprintf("condition %d: %v", i+1, err), Hint: "choose a field, how to compare it, and with what", Err: err}
		}
		parts = append(parts, part)
	}
	joined := strings.Join(parts, map[bool]string{true: " or ", false: " and "}[c.Any])
	_, err := ParseSegment(joined, nil)
	return joined, err
}

func (c *Condition) expression() (string, error) {
	kind, ok := kindOf(c.Field)
	switch {
	case !ok:
		return "", fmt.Errorf("there is no field %q", c.Field)
	case !slices.Contains(kind.comparisons(), c.Comparison) || c.Field == "frequency" && (c.Comparison == Empty || c.Comparison == NotEmpty):
		return "", fmt.Errorf("%s cannot be compared by %q", c.Field, c.Comparison)
	case c.Field == AttributeField && badLabel(c.Attribute) != "":
		return "", fmt.Errorf("the attribute's name %s", badLabel(c.Attribute))
	}
	if least, most := c.wants(kind); len(c.Values) < least || len(c.Values) > most {
		return "", fmt.Errorf("%d values, where %d are wanted", len(c.Values), least)
	}
	switch kind {
	case KindFlag:
		return negated(c.Comparison == No, c.Field), nil
	case KindTag, KindTopic:
		if c.Values[0] == "" {
			return "", fmt.Errorf("which %s?", c.Field)
		}
		return negated(c.Comparison == No, c.Field+"("+quoted(c.Values[0])+")"), nil
	case KindCampaign:
		return c.deed()
	}
	return c.comparison(kind)
}

// wants is how many values a comparison takes.
func (c *Condition) wants(kind Kind) (least, most int) {
	switch c.Comparison {
	case Empty, NotEmpty, Ever, Never:
		return 0, 0
	case Yes, No:
		if kind == KindFlag {
			return 0, 0
		}
	case OneOf, Of, NotOf:
		return 1, maxWished
	}
	return 1, 1
}

func negated(not bool, text string) string {
	if not {
		return "not " + text
	}
	return text
}

func (c *Condition) comparison(kind Kind) (string, error) {
	i := slices.IndexFunc(signs(), func(s sign) bool { return s.comparison == c.Comparison })
	s, left, right := signs()[i], c.Field, `""`
	if kind == KindValue {
		if left = c.Attribute; !isName(left) {
			left = "attr(" + quoted(left) + ")"
		}
	}
	switch c.Comparison {
	case Equals, More, Less, AtLeast, AtMost:
		n := toNumber(c.Values[0])
		if math.IsNaN(n) {
			return "", fmt.Errorf("%q is not a number", c.Values[0])
		}
		right = strconv.FormatFloat(n, 'f', -1, 64)
	case OneOf:
		list := make([]string, len(c.Values))
		for i, v := range c.Values {
			list[i] = quoted(v)
		}
		right = "[" + strings.Join(list, ", ") + "]"
	case Empty, NotEmpty:
	default:
		if c.Values[0] == "" {
			return "", fmt.Errorf("%s is compared with nothing", c.Field)
		}
		right = quoted(c.Values[0])
	}
	if s.not {
		return left + " not " + s.operator + " " + right, nil
	}
	return left + " " + s.operator + " " + right, nil
}

// deed writes campaigns as numbers where they are numbers, else as names.
func (c *Condition) deed() (string, error) {
	w := wish{deed: deedOf(c.Field)}
	n := 0
	if c.Comparison == OfLast || c.Comparison == NotOfLast || c.Comparison == OfDays || c.Comparison == NotOfDays {
		var err error
		if n, err = strconv.Atoi(strings.TrimSpace(c.Values[0])); err != nil || n < 1 {
			return "", fmt.Errorf("%q is not a number of campaigns or days", c.Values[0])
		}
	}
	switch c.Comparison {
	case OfLast, NotOfLast:
		w.last = n
	case OfDays, NotOfDays:
		w.days = n
	case Of, NotOf:
		for _, v := range c.Values {
			if id, err := strconv.ParseUint(v, 10, 63); err == nil {
				w.ids = append(w.ids, id)
			} else {
				w.names = append(w.names, v)
			}
		}
	}
	not := c.Comparison == Never || c.Comparison == NotOf || c.Comparison == NotOfLast || c.Comparison == NotOfDays
	return negated(not, w.shown()), nil
}

// ParseConditions is an expression as rows of a builder; false where it is not
// of that form: only one kind of and/or between conditions a row can hold.
func ParseConditions(source string) (Conditions, bool) {
	c := Conditions{Rows: []Condition{}}
	if strings.TrimSpace(source) == "" {
		return c, true
	}
	if _, err := ParseSegment(source, nil); err != nil {
		return c, false
	}
	tree, err := parseTree(source, segmentConfig())
	if err != nil {
		return c, false
	}
	if b, ok := tree.Node.(*ast.BinaryNode); ok {
		c.Any = b.Operator == "or" || b.Operator == "||"
	}
	ok := c.flatten(tree.Node)
	return c, ok
}

// flatten takes a chain of and, or one of or, apart.
func (c *Conditions) flatten(n ast.Node) bool {
	if b, ok := n.(*ast.BinaryNode); ok {
		switch b.Operator {
		case "and", "&&":
			return !c.Any && c.flatten(b.Left) && c.flatten(b.Right)
		case "or", "||":
			return c.Any && c.flatten(b.Left) && c.flatten(b.Right)
		}
	}
	row, ok := conditionOf(n, false)
	c.Rows = append(c.Rows, row)
	return ok
}
