// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../interfaces/ICouncilDelayed.sol";
import {IDepartmentRegistry} from "../interfaces/IDepartmentRegistry.sol";
import {CouncilDelayed} from "./CouncilDelayed.sol";

/// @title RegistryClient
/// @notice A contract whose council, delay and authority are those of a department registry.
abstract contract RegistryClient is CouncilDelayed {
    IDepartmentRegistry internal immutable DEPARTMENTS;

    constructor(IDepartmentRegistry departments_) CouncilDelayed(departments_.delay()) {
        DEPARTMENTS = departments_;
    }

    /// @inheritdoc ICouncilDelayed
    function council() public view override returns (address) {
        return DEPARTMENTS.council();
    }
}
