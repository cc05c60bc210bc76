// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {DepartmentTree} from "./departments/DepartmentTree.sol";
import {Department, Key} from "./departments/DepartmentStore.sol";
import {
    DepartmentRecord,
    IDepartmentRegistry,
    KeyRecord,
    ParentEntry,
    Role
} from "./interfaces/IDepartmentRegistry.sol";
import {ICouncilDelayed} from "./interfaces/ICouncilDelayed.sol";
import {CouncilDelayed} from "./lib/CouncilDelayed.sol";
import {Interval} from "./lib/History.sol";

/// @title DepartmentRegistry
/// @notice Who may issue what. Adds the council and the readable histories to {DepartmentTree}.
contract DepartmentRegistry is DepartmentTree {
    address private _council;
    address private _proposedCouncil;

    /// @param council_ the first council, meant to be a k-of-n contract wallet.
    /// @param delay_ seconds that its acts wait; 0 lets it act at once.
    constructor(address council_, uint64 delay_) CouncilDelayed(delay_) {
        if (council_ == address(0)) revert ZeroAccount();
        _setCouncil(council_);
    }

    /// @inheritdoc IDepartmentRegistry
    function proposeCouncil(address council_) external {
        _consumeCouncilAct();
        if (council_ == address(0)) revert ZeroAccount();
        _proposedCouncil = council_;
        _log(CouncilProposed.selector, _topic(council_), "");
    }

    /// @inheritdoc IDepartmentRegistry
    function acceptCouncil() external {
        if (msg.sender != _proposedCouncil) revert NotProposedCouncil(msg.sender);
        delete _proposedCouncil;
        _setCouncil(msg.sender);
    }

    /// @inheritdoc IDepartmentRegistry
    function proposedCouncil() external view returns (address) {
        return _proposedCouncil;
    }

    /// @inheritdoc IDepartmentRegistry
    function departmentOf(bytes20 department) external view returns (DepartmentRecord memory) {
        Department storage found = _departments[department];
        return DepartmentRecord({
            parent: found.node.parent,
            admittedAt: found.node.admittedAt,
            suspendedSince: found.node.suspendedSince,
            suspender: found.suspender,
            mergedInto: found.mergedInto,
            departmentKind: found.departmentKind
        });
    }

    /// @inheritdoc IDepartmentRegistry
    function parentHistory(bytes20 department) external view returns (ParentEntry[] memory) {
        return _departments[department].parents;
    }

    /// @inheritdoc IDepartmentRegistry
    function suspensionHistory(bytes20 department) external view returns (Interval[] memory) {
        return _departments[department].suspensions.intervals();
    }

    /// @inheritdoc IDepartmentRegistry
    function kindHistory(bytes20 department, bytes32 kind)
        external
        view
        returns (Interval[] memory)
    {
        return _departments[department].kinds[kind].intervals();
    }

    /// @inheritdoc IDepartmentRegistry
    function roleHistory(bytes20 department, Role role, address account)
        external
        view
        returns (Interval[] memory)
    {
        return _departments[department].roles[role][account].intervals();
    }

    /// @inheritdoc IDepartmentRegistry
    function keyOf(bytes20 department, bytes32 keyId) external view returns (KeyRecord memory) {
        Key storage key = _departments[department].keys[keyId];
        return KeyRecord({
            suite: key.suite,
            x: key.x,
            y: key.y,
            compromisedSince: key.compromisedSince,
            intervals: key.history.intervals()
        });
    }

    /// @inheritdoc ICouncilDelayed
    function council() public view override(CouncilDelayed, ICouncilDelayed) returns (address) {
        return _council;
    }

    function _setCouncil(address council_) private {
        address previous = _council;
        _council = council_;
        _log(CouncilChanged.selector, _topic(previous), _topic(council_), "");
    }
}
