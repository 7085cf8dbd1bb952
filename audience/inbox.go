package audience

import "time"

// Inbox is what lies in the folder on the daemon's host into which people put
// files to import.
type Inbox struct {
	Folder string      `json:"folder"`
	SCP    string      `json:"scp"` // the command that puts a file there, FILE being its name
	Files  []InboxFile `json:"files"`
}

// InboxFile is a file that can be imported.
type InboxFile struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"` // bytes
	Modified time.Time `json:"modified"`
}
