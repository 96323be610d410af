package shape

import (
	"strconv"
	"strings"
)

// Shape is the fields of a body, or of a struct in it, in the order of the protocol.
type Shape []field

// field is one part of a shape.
type field struct {
	min, max int16 // versions
	kind     byte  // 'f' fixed, 's' string, 'b' bytes, '*' array of fields, '[' of structs, '{' struct, '?' struct or not
	size     int   // of 'f'
	tagged   bool  // a tagged field, whose number is
	tag      uint32
	of       Shape
}

// Compile reads a shape. It panics about a shape that is written wrongly: shapes are part of a program, and any
// test that uses one finds that.
//
//	1 2 4 8 16  a field of so many bytes      s  a string, null or not    b  bytes, null or not
//	*4 *s       an array of such fields       [ ... ]  an array of structs
//	{ ... }     a struct                      ?{ ... }  a struct that may be missing
//	#1{ ... }  #0[ ... ]  #2=8   a tagged field that is a struct, an array of structs, a field of so many bytes;
//	                             other tagged fields need no mention
//	v3+:  v3-5:  before a field: in these versions only
//
// Fields of known sizes that follow one another may be written as one.
func Compile(text string) Shape {
	words := strings.Fields(text)
	return parse(&words)
}

// parse reads fields up to the end, or of its struct.
func parse(words *[]string) (fields Shape) {
	for len(*words) > 0 {
		word := (*words)[0]
		*words = (*words)[1:]
		if word == "]" || word == "}" {
			break
		}
		f := field{max: 1<<15 - 1}
		if versions, rest, ok := strings.Cut(word, ":"); ok {
			word = rest
			from, to, between := strings.Cut(strings.TrimSuffix(versions[1:], "+"), "-")
			f.min = int16(number(from))
			if between {
				f.max = int16(number(to))
			}
		}
		if word[0] == '#' {
			digits := word[1 : 1+strings.IndexAny(word[1:], "=[{")]
			f.tagged, f.tag = true, uint32(number(digits))
			word = strings.TrimPrefix(word[1+len(digits):], "=")
		}
		f.read(word, words)
		fields = append(fields, f)
	}
	return fields
}

// read gives the field what its word says, and takes the words of its struct.
func (f *field) read(word string, words *[]string) {
	switch f.kind = word[0]; f.kind {
	case '*':
		rest := []string{word[1:]}
		f.of = parse(&rest)
	case '[', '{', '?':
		f.of = parse(words)
	case 's', 'b':
	default:
		f.kind, f.size = 'f', number(word)
	}
}

func number(text string) int {
	n, err := strconv.ParseInt(text, 10, 16)
	if err != nil {
		panic(err)
	}
	return int(n)
}
