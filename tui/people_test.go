package tui

import (
	"errors"
	"testing"

	"pabal/eml"
)

func TestPersonIsOpenedFromTheList(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("3", "down", "enter")
	d.wantCalls("Person", "Person customer002@example.com")
	d.want("이서준", "세일 소식", "받은 메일")
	d.screenText()
	d.press("end")
	d.want("고객 DB", "주제 news 안 받음, 빈도 일주일에 한 번까지", "적용 안 됨")
	d.press("esc")
	d.want("customer010@example.com")
}

func TestListBehindAScreenIsReadAnewWhenItIsClosed(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "enter")
	d.back.people = append(d.back.people[:0:0], d.back.people...)
	d.back.people[1].Name = "New Name"
	d.press("esc")
	d.want("New Name")
}

func TestPreferencesAreChangedAfterOneQuestion(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "enter", "e", "enter")
	d.want("nothing changed")
	d.press("space", "down", "down", "right", "enter")
	d.want("Sales: on → off", "Frequency: all → weekly at most")
	d.press("n", "enter")
	d.wantCalls("Prefer")
	d.press("y")
	d.wantCalls("Prefer", "Prefer customer001@example.com map[sale:false] weekly -")
	d.want("Mail received") // back at the person, asked anew
	d.wantCalls("Person", "Person customer001@example.com", "Person customer001@example.com")
}

func TestRefusedPreferenceSaysWhyAndKeepsTheForm(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "enter", "e", "down", "space", "enter")
	d.back.down = &eml.Problem{What: "they switched that off themselves", Hint: "ask them to use the link in their mail"}
	d.press("y")
	d.want("! they switched that off themselves: ask them", "New arrivals")
}

func TestUnsubscribeAsksFirst(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "enter", "u", "n", "u", "esc")
	d.wantCalls("Unsubscribe")
	d.press("u", "y")
	d.wantCalls("Unsubscribe", "Unsubscribe customer001@example.com")
	d.press("esc", "down", "down", "down", "enter", "u")
	d.want("u unsubscribe: is out already")
}

func TestBlockedPersonIsLifted(t *testing.T) {
	d := newDriver(t, "en", withBlocked)
	d.press("3", "down", "enter", "b")
	d.want("A consent that ended by a bounce")
	d.press("y")
	d.wantCalls("Unsuppress", "Unsuppress customer002@example.com")
	d.press("esc", "up", "enter", "b", "y")
	d.wantCalls("Suppress ", "Suppress customer001@example.com ")
}

func TestSuppressionIsSearchedAddedAndRemoved(t *testing.T) {
	d := newDriver(t, "en")
	d.press("5", "/")
	d.typeText("bounce")
	d.want("angry@naver.example") // typing has not rested
	d.rest()
	d.want("gone@example.com", "full@example.com", "2 rows")
	d.wantNot("angry@naver.example")
	d.press("esc", "n")
	d.typeText("old@example.com")
	d.press("enter")
	d.typeText("by phone")
	d.press("enter", "y")
	d.wantCalls("Suppress ", "Suppress old@example.com by phone")
	d.want("gone@example.com", "Suppressed.")
	d.press("down", "down", "down", "down", "d")
	d.want("d lift: erased")
	d.press("up", "d", "y")
	d.wantCalls("Unsuppress", "Unsuppress test@example.com")
}

func TestSyncRunsOnceAndSaysWhatItDid(t *testing.T) {
	d := newDriver(t, "en", withTable)
	d.press("6")
	first := d.late("s")
	d.press("s")
	d.want("s sync now: reading")
	d.run(first)
	d.wantCalls("Sync full", "Sync full=false")
	d.want("In step: 120 read, 3 new, 9 changed, 1 gone")
	d.press("f")
	d.wantCalls("Sync full", "Sync full=false", "Sync full=true")
	d.back.down = errors.New("the server is gone")
	d.press("s")
	d.want("! Not in step: the screen says why")
}

func TestNoTableSaysWhatToDo(t *testing.T) {
	d := newDriver(t, "en")
	d.press("6")
	d.press("s")
	d.want("dsn_file of the", "s sync now: No customer database is connected")
}

func TestAnswerToAnOlderQuestionIsDropped(t *testing.T) {
	d := newDriver(t, "en")
	d.press("5", "/")
	d.typeText("bou")
	_, slow := d.m.Update(d.later[len(d.later)-1])
	d.typeText("x")
	d.rest()
	d.run(slow)
	d.want("No such address")
}

func TestErasingAsksForTheAddress(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "enter", "x")
	d.want("cannot be undone", "type it here and press Enter: customer001@example.com")
	d.typeText("y")
	d.press("enter")
	d.want("That is something else")
	d.wantCalls("Erase")
	d.press("ctrl+u")
	d.typeText("customer001@example.com")
	d.press("enter")
	d.wantCalls("Erase", "Erase customer001@example.com")
	d.want("Erased.", "customer002@example.com") // the list: the person is not there any more
}

func TestAskingByMailIsForThoseWhoAreOut(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "down", "down", "down", "enter", "c")
	d.want("One mail goes to them")
	d.press("y")
	d.wantCalls("AskConfirm", "AskConfirm customer004@example.com")
}

func TestListFromTheInboxIsSuppressed(t *testing.T) {
	d := newDriver(t, "en")
	d.press("5", "i", "enter", "n")
	d.wantCalls("SuppressInbox")
	d.press("enter", "y")
	d.wantCalls("SuppressInbox", "SuppressInbox 11월 고객.csv")
	d.want("290", "line 4 kim.example.com", "done")
	d.press("enter")
	d.want("gone@example.com")
}
