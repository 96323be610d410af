package timeline

import "slices"

// Struck is a fault whose target and peers are resolved.
type Struck struct {
	Kind  Kind
	Ends  []End
	Peers []End
}

// Disturbs reports whether two faults could not both be proved while they are in force: they strike the same
// end, or the same link, or one strikes links to what the other takes down.
func (s Struck) Disturbs(other Struck) bool {
	if meet(s.Ends, other.Ends) {
		return true
	}
	if s.Peers != nil && other.Peers != nil {
		return meet(s.Ends, other.Peers) && meet(s.Peers, other.Ends)
	}
	return s.Peers != nil && other.mute() && meet(s.Peers, other.Ends) ||
		other.Peers != nil && s.mute() && meet(other.Peers, s.Ends)
}

// mute reports whether the ends of the fault may answer nobody.
func (s Struck) mute() bool {
	info, _ := Lookup(s.Kind)
	return info.Down || info.On == OnClients
}

// meet reports whether two sets of ends have one in common.
func meet(a, b []End) bool {
	return slices.ContainsFunc(a, func(x End) bool {
		return slices.ContainsFunc(b, func(y End) bool {
			return x == y || x.Client && y.Client && (x.ID == EveryClient || y.ID == EveryClient)
		})
	})
}
