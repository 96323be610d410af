package spec

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The YAML library's own strict mode stops at the first error and knows no places of values, so the
// tree is walked here: one pass, every error, every place.

// decoder fills a value from a syntax tree and collects what does not fit.
type decoder struct {
	source *source
	errs   Errors
}

// defaulter is a part of a Spec that may stand in a list and has defaults.
type defaulter interface{ setDefaults() }

// decode reads data into out, a pointer to a struct.
func decode(src *source, data []byte, out any) Errors {
	d := &decoder{source: src}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return Errors{syntaxError(src, err)}
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return Errors{src.at(Position{1, 1}, "", "the file holds no scenario: it needs at least name, topics and load")}
	case 1:
	default:
		return Errors{src.at(position(bodies[1]), "", "a second document begins here: a file holds one scenario")}
	}
	d.value(bodies[0], reflect.ValueOf(out).Elem(), "")
	return d.errs
}

// syntaxError takes place and message out of the YAML library's error.
func syntaxError(src *source, err error) *Error {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return src.at(Position{1, 1}, "", "not YAML: "+err.Error())
	}
	var at Position
	if syntax.Token != nil {
		at = tokenPosition(syntax.Token)
	}
	return src.at(at, "", "not YAML: "+syntax.Message)
}

func tokenPosition(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{1, 1}
	}
	return Position{t.Position.Line, t.Position.Column}
}

// position of a node: a block mapping stands where its first key does.
func position(n ast.Node) Position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return tokenPosition(n.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return tokenPosition(n.Key.GetToken())
	}
	return tokenPosition(n.GetToken())
}

func (d *decoder) errorf(p Position, path, format string, args ...any) {
	d.errs = append(d.errs, d.source.at(p, path, fmt.Sprintf(format, args...)))
}

// value decodes one node into v; path is where it stands.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	at := position(n)
	d.source.places[path] = at
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.errorf(at, path, "anchors, aliases and tags are not used in scenarios: write the value out")
		return
	case *ast.NullNode:
		d.errorf(d.source.keyOr(path, at), path, "%s has no value: give it one, or remove the key for the default", name(path))
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, scalar := scalarText(n); !scalar {
			d.wrongType(n, path, "one value")
		} else if err := text.UnmarshalText([]byte(s)); err != nil {
			d.errorf(at, path, "%s: %v", name(path), err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

// mapping decodes keys into the fields of a struct.
func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	var entries []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		d.wrongType(n, path, "keys with values")
		return
	}
	fields, known := fieldsOf(v.Type())
	seen := map[string]Position{}
	for _, entry := range entries {
		key := entry.Key.GetToken().Value
		at := tokenPosition(entry.Key.GetToken())
		index, ok := fields[key]
		first, again := seen[key]
		switch {
		case !ok:
			// It is an error about the key that was meant, so that nobody reports that one as missing.
			meant := cmp.Or(nearest(key, known), key)
			d.errorf(at, join(path, meant), "unknown key %q%s: %s%s", key, inside(path), Suggest(key, known), tornValue(key))
		case again:
			d.errorf(at, join(path, key), "key %q%s stands already in line %d: remove one of them", key, inside(path), first.Line)
		default:
			seen[key] = at
			d.source.keys[join(path, key)] = at
			d.value(entry.Value, v.FieldByIndex(index), join(path, key))
		}
	}
}

// sequence decodes the items of a list; what the file says replaces a default.
func (d *decoder) sequence(n ast.Node, v reflect.Value, path string) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(n, path, "a list")
		return
	}
	items := reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values))
	for i, item := range list.Values {
		if part, ok := items.Index(i).Addr().Interface().(defaulter); ok {
			part.setDefaults()
		}
		d.value(item, items.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
	v.Set(items)
}

// scalar decodes text, whole numbers, numbers and booleans.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	text, ok := scalarText(n)
	switch v.Kind() {
	case reflect.String:
		_, isString := n.(*ast.StringNode)
		_, isLiteral := n.(*ast.LiteralNode)
		if !isString && !isLiteral {
			d.wrongType(n, path, "text")
			return
		}
		v.SetString(text)
	case reflect.Int, reflect.Int32, reflect.Int64:
		number, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if _, isInt := n.(*ast.IntegerNode); !ok || !isInt || err != nil {
			d.wrongType(n, path, "a whole number")
			return
		}
		v.SetInt(number)
	case reflect.Float64:
		number, err := strconv.ParseFloat(text, 64)
		if _, isString := n.(*ast.StringNode); !ok || isString || err != nil {
			d.wrongType(n, path, "a number")
			return
		}
		v.SetFloat(number)
	case reflect.Bool:
		if b, isBool := n.(*ast.BoolNode); isBool {
			v.SetBool(b.Value)
			return
		}
		d.wrongType(n, path, "true or false")
	default:
		panic(fmt.Sprintf("spec: no decoder for %v at %s", v.Type(), path))
	}
}

// wrongType reports a value of another kind than the key needs.
func (d *decoder) wrongType(n ast.Node, path, want string) {
	found := "keys with values"
	switch n.(type) {
	case *ast.SequenceNode:
		found = "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		if text, ok := scalarText(n); ok {
			found = strconv.Quote(text)
		}
	}
	d.errorf(position(n), path, "%s needs %s, found %s", name(path), want, found)
}

// scalarText is the text of a single value as the file has it.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// fieldsOf maps the keys of a struct to its fields, and lists them in their order; those of an embedded
// struct are its own.
func fieldsOf(t reflect.Type) (map[string][]int, []string) {
	fields := map[string][]int{}
	var known []string
	for _, field := range reflect.VisibleFields(t) {
		if key := field.Tag.Get("yaml"); key != "" {
			fields[key] = field.Index
			known = append(known, key)
		}
	}
	return fields, known
}

// keyOr is where the key of a value stands, else the given position.
func (s *source) keyOr(path string, at Position) Position {
	if key, ok := s.keys[path]; ok {
		return key
	}
	return at
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// name of a value in a message.
func name(path string) string {
	if path == "" {
		return "the scenario"
	}
	return path
}

func inside(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

// tornValue explains a key such as "0)": between braces a comma ends the value leader(orders,0).
func tornValue(key string) string {
	if strings.HasSuffix(key, ")") {
		return `; is it a part of a value? Between braces one with a comma needs quotes: "leader(orders,0)"`
	}
	return ""
}
